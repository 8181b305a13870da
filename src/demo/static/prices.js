/* Price boxes as Magento's price-box keeps them: prices from the box's settings, else from its own attributes, plus what options add,
   printed into every element of the type. */

import { all, components } from './page.js';

/* Digits as the page's locale writes them. */
const digits = (() => {
    const system = new Intl.NumberFormat(window.LOCALE || 'en-US').resolvedOptions().numberingSystem;
    const zero = system === 'arab' ? 0x660 : 0x30;
    return (text) => text.replace(/[0-9]/g, (digit) => String.fromCharCode(zero + Number(digit)));
})();

function rounded(number, places) {
    return Number(Math.round(Number(Math.abs(number) + 'e' + places)) + 'e-' + places);
}

export function formatPrice(amount, format, showsSign) {
    const places = format.requiredPrecision;
    const parts = rounded(amount, places).toFixed(places).split('.');
    const groups = parts[0].replace(new RegExp('\\B(?=(\\d{' + format.groupLength + '})+$)', 'g'), format.groupSymbol);
    const text = digits(groups + (parts[1] ? format.decimalSymbol + parts[1] : ''));
    const sign = amount < 0 ? '-' : showsSign ? '+' : '';
    return sign + format.pattern.replace('%s', text).trim();
}

/* The few forms that Magento's templates of option texts have: `<%= data.label %>` and `<% if (data.x.value) { %>...<% } %>`. */
export function template(text, data) {
    const value = (path) => path.split('.').reduce((found, key) => (found || {})[key], data);
    const conditions = /<% if \(data\.([\w.]+)\) \{ %>([\s\S]*?)<% \} %>/g;
    return text.replace(conditions, (match, path, inner) => (value(path) ? inner : ''))
        .replace(/<%[-=] data\.([\w.]+) %>/g, (match, path) => value(path));
}

const boxes = new Map();

export const optionTemplate = '<%- data.label %><% if (data.finalPrice.value) { %> +<%- data.finalPrice.formatted %><% } %>';

class PriceBox {
    constructor(element, config) {
        Object.assign(this, { element, config, additional: {} });
        this.prices = config.prices && Object.keys(config.prices).length ? config.prices : this.readPrices();
        this.update();
    }

    /* The last element of a type wins. */
    readPrices() {
        const prices = {};
        all('[data-price-type]', this.element).forEach((element) => {
            const amount = parseFloat(element.dataset.priceAmount);
            if (element.dataset.priceType && !Number.isNaN(amount)) {
                prices[element.dataset.priceType] = { amount: amount, adjustments: {} };
            }
        });
        return prices;
    }

    setDefault(prices) {
        this.prices = prices;
        this.update();
    }

    /* Keeps what each source adds, and prints the sums. */
    update(changes) {
        Object.assign(this.additional, changes);
        const shown = {};
        Object.entries(this.prices).forEach(([type, price]) => {
            const adjustments = Object.values(price.adjustments || {});
            shown[type] = adjustments.reduce((sum, adjustment) => sum + Number(adjustment), Number(price.amount));
        });
        Object.values(this.additional).forEach((prices) => {
            Object.entries(prices || {}).forEach(([type, price]) => {
                shown[type] = (shown[type] || 0) + Number(price.amount || 0);
            });
        });
        Object.entries(shown).forEach(([type, amount]) => this.print(type, amount));
        this.element.dataset.rendered = 'true';
    }

    print(type, amount) {
        all('[data-price-type="' + type + '"]', this.element).forEach((element) => {
            const price = document.createElement('span');
            price.className = 'price';
            price.textContent = formatPrice(amount, this.config.priceFormat);
            element.replaceChildren(price);
        });
    }

    /* Moves every price to that of a child. */
    moveTo(prices) {
        const changes = {};
        Object.entries(this.prices).forEach(([type, price]) => {
            changes[type] = { amount: prices[type] ? Number(prices[type].amount) - Number(price.amount) : 0 };
        });
        this.update({ prices: changes });
    }

    /* The price of a tier, from its quantity on. */
    atQuantity(quantity) {
        const lowest = (type, key) => {
            const own = Number(this.prices[type].amount);
            const tiers = this.config.tierPrices.filter((tier) => quantity >= tier.qty).map((tier) => Number(tier[key]));
            return { amount: Math.min(own, ...tiers) - own };
        };
        const changes = {};
        if (this.prices.finalPrice) {
            changes.finalPrice = lowest('finalPrice', 'price');
        }
        if (this.prices.basePrice) {
            changes.basePrice = lowest('basePrice', 'basePrice');
        }
        this.update({ prices: changes });
    }
}

/* The widgets of the boxes that a selector finds below a root; boxes without settings have none. */
export function boxesIn(selector, root) {
    return all(selector, root).map((element) => boxes.get(element)).filter(Boolean);
}

export function initPriceBoxes() {
    components('priceBox').forEach(([selector, settings]) => {
        all(selector).forEach((element) => boxes.set(element, new PriceBox(element, settings.priceConfig)));
    });
    const quantity = document.querySelector('#qty');
    const tiered = Array.from(boxes.values()).filter((box) => box.config.tierPrices && box.config.tierPrices.length);
    if (quantity && tiered.length) {
        quantity.addEventListener('input', () => tiered.forEach((box) => box.atQuantity(Number(quantity.value))));
    }
}
