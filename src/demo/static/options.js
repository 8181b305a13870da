/* What is chosen on a product's page, as price-options, price-bundle and downloadable pass it to the price boxes. */

import { all, components, parsed } from './page.js';
import { boxesIn, formatPrice, optionTemplate, template } from './prices.js';

/* The texts of a select's options are made anew from the prices in the settings. */
function rewriteOptions(select, config, priceFormat, text) {
    all('option', select).forEach((option) => {
        const entry = config[option.value];
        if (!option.value || !entry || !entry.prices) {
            return;
        }
        const data = { label: entry.name };
        Object.entries(entry.prices).forEach(([type, price]) => {
            const amount = Number(price.amount);
            data[type] = { value: amount, formatted: formatPrice(amount, priceFormat) };
        });
        option.textContent = template(text, data);
    });
}

/* Custom options */

function chosenOptions(field, config) {
    const found = field.name.match(/^options\[(\d+)\](\[\])?$/);
    const own = found && config[found[1]];
    if (!own) {
        return null;
    }
    const key = 'price-option-' + found[1] + (found[2] ? '-' + field.value : '');
    if (field.type === 'checkbox') {
        return { [key]: field.checked ? own[field.value].prices : {} };
    }
    if (field.tagName === 'SELECT') {
        return { [key]: field.value ? own[field.value].prices : {} };
    }
    return { [key]: field.value ? own.prices : {} };
}

function initCustomOptions() {
    components('priceOptions').forEach(([selector, settings]) => {
        const form = document.querySelector(selector);
        const boxes = boxesIn(settings.priceHolderSelector);
        if (!boxes.length) {
            return;
        }
        const { priceFormat, optionTemplate: own } = boxes[0].config;
        all('select.product-custom-option', form).forEach((select) => {
            const id = select.name.match(/\[(\d+)\]/)[1];
            rewriteOptions(select, settings.optionConfig[id], priceFormat, own || optionTemplate);
        });
        all('.product-custom-option', form).forEach((field) => field.addEventListener('change', () => {
            const changes = chosenOptions(field, settings.optionConfig);
            if (changes) {
                boxes.forEach((box) => box.update(changes));
            }
        }));
    });
}

/* Bundles: the box inside of the form only */

function initBundle() {
    components('priceBundle').forEach(([selector, settings]) => {
        const form = document.querySelector(selector);
        const config = settings.optionConfig;
        const box = boxesIn('.price-box', form)[0];
        const fields = all('input.bundle.option, select.bundle.option', form);
        const quantity = (id) => form.querySelector('[name="bundle_option_qty[' + id + ']"]');
        box.setDefault(config.prices);
        const update = (field) => {
            const id = field.name.match(/\[(\d+)\]/)[1];
            if (field.type === 'radio' && !field.checked) {
                return;
            }
            const selection = config.options[id].selections[field.value];
            const input = quantity(id);
            const count = selection ? Number(input.disabled || input.value === '' ? selection.qty : input.value) : 0;
            const prices = {};
            Object.entries(selection ? selection.prices : {}).forEach(([type, price]) => {
                prices[type] = { amount: Number(price.amount) * count };
            });
            box.update({ ['bundle-option-' + id]: prices });
        };
        const showQuantity = (field) => {
            const id = field.name.match(/\[(\d+)\]/)[1];
            const selection = config.options[id].selections[field.value];
            quantity(id).value = selection ? selection.qty : 0;
        };
        fields.forEach((field) => {
            if (field.tagName === 'SELECT') {
                const id = field.name.match(/\[(\d+)\]/)[1];
                const text = box.config.optionTemplate || optionTemplate;
                rewriteOptions(field, config.options[id].selections, config.priceFormat, text);
            }
            field.addEventListener('change', () => { showQuantity(field); update(field); });
            update(field);
        });
        all('input.qty', form).filter((input) => input.name.startsWith('bundle_option_qty')).forEach((input) => {
            const id = input.name.match(/\[(\d+)\]/)[1];
            const ofOption = fields.filter((field) => field.name === 'bundle_option[' + id + ']');
            ['change', 'input'].forEach((event) => input.addEventListener(event, () => ofOption.forEach(update)));
        });
    });
    const slide = document.getElementById('bundle-slide');
    if (slide) {
        slide.addEventListener('click', () => document.querySelector('.bundle-options-container').scrollIntoView({ behavior: 'smooth' }));
    }
}

/* Links of a downloadable product: settings in an attribute, partly coded */

function initDownloads() {
    all('#downloadable-links-list[data-mage-init]').forEach((list) => {
        const settings = (parsed(list.dataset.mageInit) || {}).downloadable;
        if (!settings) {
            return;
        }
        const links = all('input[type=checkbox][value]', list);
        const update = () => {
            const sum = (key) => links.filter((link) => link.checked)
                .reduce((amount, link) => amount + Number(settings.config.links[link.value][key]), 0);
            const prices = { finalPrice: { amount: sum('finalPrice') }, basePrice: { amount: sum('basePrice') } };
            boxesIn('.price-box').forEach((box) => box.update({ prices: prices }));
        };
        links.forEach((link) => link.addEventListener('change', update));
    });
}

export function initOptions() {
    initCustomOptions();
    initBundle();
    initDownloads();
}
