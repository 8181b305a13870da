/* Children of configurable products: dropdowns as configurable.js has them, swatches as swatch-renderer has them. */

import { all, components } from './page.js';
import { boxesIn, formatPrice } from './prices.js';

/* The ids of the children that have every value chosen so far. */
function remaining(config, chosen) {
    const ids = Object.keys(config.index);
    return ids.filter((id) => Object.entries(chosen).every(([attribute, option]) => !option || config.index[id][attribute] === option));
}

function cheapest(config, ids) {
    const price = (id) => Number(config.optionPrices[id].finalPrice.amount);
    return ids.slice().sort((one, other) => price(one) - price(other))[0];
}

const differs = (prices) => Number(prices.oldPrice.amount) !== Number(prices.finalPrice.amount);

function showRegular(root, isShown) {
    all('.sly-old-price', root).forEach((element) => { element.style.display = isShown ? 'inline' : 'none'; });
}

/* Attributes in the order of their positions. */
const inOrder = (config) => Object.values(config.attributes).sort((one, other) => Number(one.position) - Number(other.position));

/* Dropdowns */

function initDropdowns() {
    components('configurable').forEach(([selector, settings]) => {
        const config = settings.spConfig;
        const form = document.querySelector(selector);
        const attributes = inOrder(config);
        const selects = attributes.map((attribute) => form.querySelector('#attribute' + attribute.id));
        const chosen = () => Object.fromEntries(attributes.map((attribute, at) => [attribute.id, selects[at].value]));
        const fillFrom = (first) => attributes.slice(first).forEach((attribute, offset) => {
            const at = first + offset;
            const before = Object.fromEntries(attributes.slice(0, at).map((own, index) => [own.id, selects[index].value]));
            fillSelect(selects[at], attribute, config, at === 0 || selects[at - 1].value ? remaining(config, before) : []);
        });
        const update = () => {
            const values = chosen();
            const isAny = Object.values(values).some(Boolean);
            const isAll = Object.values(values).every(Boolean);
            const child = isAny ? cheapest(config, remaining(config, values)) : null;
            const prices = child ? config.optionPrices[child] : config.prices;
            form.querySelector('[name=selected_configurable_option]').value = isAll && child ? child : '';
            boxesIn('.price-box').forEach((box) => box.moveTo(prices));
            showRegular(document, isAll && differs(prices));
        };
        fillFrom(0);
        selects.forEach((select, at) => select.addEventListener('change', () => { fillFrom(at + 1); update(); }));
    });
}

/* Each option says how far its cheapest child is from the product's price. */
function fillSelect(select, attribute, config, ids) {
    const words = select.options[0];
    words.textContent = config.chooseText;
    select.replaceChildren(words);
    select.disabled = !ids.length;
    attribute.options.forEach((option) => {
        const children = option.products.filter((id) => ids.includes(id));
        if (!children.length) {
            return;
        }
        const child = config.optionPrices[cheapest(config, children)];
        const difference = Number(child.finalPrice.amount) - Number(config.prices.finalPrice.amount);
        const more = Math.abs(difference) < 0.005 ? '' : ' ' + formatPrice(difference, config.priceFormat, true);
        select.add(new Option(option.label + more, option.id));
    });
}

/* Swatches */

function initSwatches() {
    components('Magento_Swatches/js/swatch-renderer').forEach(([selector, settings]) => {
        all(selector).forEach((element) => renderSwatches(element, settings));
    });
}

function renderSwatches(element, settings) {
    const config = settings.jsonConfig;
    const product = element.closest(settings.selectorProduct || '.product-info-main');
    const form = product.querySelector('form');
    const chosen = {};
    inOrder(config).forEach((attribute) => {
        chosen[attribute.id] = '';
        element.append(swatchAttribute(attribute, settings));
        const input = document.createElement('input');
        Object.assign(input, { className: 'swatch-input super-attribute-select', type: 'hidden', name: 'super_attribute[' + attribute.id + ']' });
        form.append(input);
    });
    element.addEventListener('click', (event) => {
        const swatch = event.target.closest('.swatch-option');
        if (!swatch || swatch.classList.contains('disabled')) {
            return;
        }
        const attribute = swatch.closest('.swatch-attribute');
        const id = attribute.dataset.attributeId;
        chosen[id] = chosen[id] === swatch.dataset.optionId ? '' : swatch.dataset.optionId;
        attribute.querySelector('.swatch-attribute-selected-option').textContent = chosen[id] ? swatch.dataset.optionLabel : '';
        form.querySelector('[name="super_attribute[' + id + ']"]').value = chosen[id];
        markSwatches(element, config, chosen);
        updateSwatchPrice(product, config, chosen);
    });
}

function swatchAttribute(attribute, settings) {
    const box = document.createElement('div');
    box.className = 'swatch-attribute ' + attribute.code;
    Object.assign(box.dataset, { attributeCode: attribute.code, attributeId: attribute.id });
    const label = document.createElement('span');
    label.className = 'swatch-attribute-label';
    label.textContent = attribute.label;
    const selected = document.createElement('span');
    selected.className = 'swatch-attribute-selected-option';
    if (settings.enableControlLabel !== false) {
        box.append(label);
    }
    const options = document.createElement('div');
    options.className = 'swatch-attribute-options clearfix';
    options.setAttribute('role', 'listbox');
    options.append(...attribute.options.map((option) => swatchOption(option, settings.jsonSwatchConfig[attribute.id][option.id])));
    box.append(selected, options);
    return box;
}

function swatchOption(option, swatch) {
    const element = document.createElement('div');
    element.className = 'swatch-option ' + (swatch.type === '1' ? 'color' : 'text');
    Object.assign(element.dataset, { optionId: option.id, optionLabel: option.label });
    element.setAttribute('role', 'option');
    element.setAttribute('tabindex', '0');
    element.setAttribute('aria-label', option.label);
    if (swatch.type === '1') {
        element.style.background = swatch.value;
    } else {
        element.textContent = swatch.value;
    }
    element.addEventListener('keydown', (event) => { if (event.key === 'Enter') { element.click(); } });
    return element;
}

function markSwatches(element, config, chosen) {
    all('.swatch-option', element).forEach((swatch) => {
        const id = swatch.closest('.swatch-attribute').dataset.attributeId;
        const isChosen = chosen[id] === swatch.dataset.optionId;
        swatch.classList.toggle('selected', isChosen);
        swatch.setAttribute('aria-selected', isChosen);
        const others = Object.assign({}, chosen, { [id]: swatch.dataset.optionId });
        swatch.classList.toggle('disabled', !remaining(config, others).length);
    });
}

/* The regular price shows when it differs, and the box's first span is the special price then. */
function updateSwatchPrice(product, config, chosen) {
    const isAny = Object.values(chosen).some(Boolean);
    const left = remaining(config, chosen);
    const prices = isAny && left.length ? config.optionPrices[cheapest(config, left)] : config.prices;
    boxesIn('[data-role=priceBox]', product).forEach((box) => {
        box.moveTo(prices);
        box.element.querySelector('span').classList.toggle('special-price', differs(prices));
    });
    showRegular(product, differs(prices));
    const isAll = Object.values(chosen).every(Boolean);
    all('.normal-price .price-label', product).forEach((label) => { label.style.display = isAll ? 'none' : ''; });
    const field = product.querySelector('[name=selected_configurable_option]');
    if (field) {
        field.value = isAll ? left[0] : '';
    }
}

export function initConfigurables() {
    initDropdowns();
    initSwatches();
}
