/* What the shop's pages do after they have loaded: the parts of Luma's scripts that matter to whoever changes its pages. */

import { initBlocks, send, word } from './blocks.js';
import { initConfigurables } from './configurable.js';
import { affected, changed, initCustomerData, invalidate, keepSeenProducts, reload } from './customer-data.js';
import { initOptions } from './options.js';
import { all, cookie, formKey, parsed } from './page.js';
import { formatPrice, initPriceBoxes } from './prices.js';

// Forms

async function addToCart(event) {
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector('.tocart');
    const label = button.querySelector('span');
    button.disabled = true;
    label.textContent = word('Adding...');
    const answer = await (await send(form.action, new URLSearchParams(new FormData(form)))).json();
    if (answer.backUrl && !samePage(answer.backUrl)) {
        location.assign(answer.backUrl);
        return;
    }
    await changed(form.action);
    label.textContent = word(answer.backUrl ? 'Add to Cart' : 'Added');
    button.disabled = false;
    setTimeout(() => { label.textContent = word('Add to Cart'); }, 1500);
}

const samePage = (address) => new URL(address, location.href).pathname === location.pathname;

function post(action, data) {
    const form = document.createElement('form');
    form.method = 'post';
    form.action = action;
    Object.entries(Object.assign({ form_key: formKey() }, data)).forEach(([name, value]) => {
        const input = document.createElement('input');
        Object.assign(input, { type: 'hidden', name: name, value: value });
        form.append(input);
    });
    document.body.append(form);
    invalidate(affected(action));
    form.submit();
}

function initForms() {
    all('form[data-role=tocart-form], #product_addtocart_form').forEach((form) => {
        form.addEventListener('submit', addToCart);
        form.querySelector('.tocart').disabled = false;
    });
    document.addEventListener('click', (event) => {
        const link = event.target.closest('[data-post]');
        if (link) {
            event.preventDefault();
            const settings = parsed(link.dataset.post);
            post(settings.action, settings.data);
        }
    });
}

// Toolbar, tabs, filter, menu

function go(name, value) {
    const url = new URL(location.href);
    url.searchParams.set(name, value);
    location.assign(url);
}

function initControls() {
    all('[data-role=mode-switcher]').forEach((link) => link.addEventListener('click', (event) => {
        event.preventDefault();
        go('product_list_mode', link.dataset.value);
    }));
    all('[data-role=sorter]').forEach((select) => {
        select.addEventListener('change', () => go('product_list_order', select.value));
    });
    all('.data.item.title .switch').forEach((tab) => tab.addEventListener('click', (event) => {
        event.preventDefault();
        all('.data.item.title').forEach((title) => title.classList.toggle('active', title.contains(tab)));
    }));
    all('#layered-filter-block .filter-title').forEach((title) => {
        title.addEventListener('click', () => title.parentElement.classList.toggle('filter-active'));
    });
    all('[data-action=toggle-nav]').forEach((toggle) => {
        const open = () => document.documentElement.classList.toggle('nav-open');
        toggle.addEventListener('click', open);
        toggle.addEventListener('keydown', (event) => { if (event.key === 'Enter') { open(); } });
    });
    all('.switcher-trigger').forEach((trigger) => {
        trigger.addEventListener('click', () => trigger.parentElement.classList.toggle('active'));
    });
}

// Checkout: what the API says is due.

async function showDue() {
    const due = document.querySelector('.shop-due');
    if (due) {
        const path = '/rest/' + due.dataset.store + '/V1/guest-carts/' + due.dataset.cart + '/payment-information';
        const total = (await (await fetch(path)).json()).totals.grand_total;
        due.querySelector('.price').textContent = formatPrice(total, parsed(due.dataset.format));
    }
}

// As Adobe's collector does: with its experience platform call unanswered, the page view ends in an empty membership.

function imitateCollector() {
    const isAsked = new URLSearchParams(location.search).get('collector') === 'blank';
    if (isAsked || cookie('demo_collector') === '1' || localStorage.getItem('demo_collector') === '1') {
        document.cookie = 'aep-segments-membership=; path=/';
    }
}

formKey();
initPriceBoxes();
initOptions();
initConfigurables();
initBlocks();
initForms();
initCustomerData();
initControls();
keepSeenProducts();
if (document.body.classList.contains('checkout-cart-index')) {
    reload(['cart']);
}
showDue();
window.addEventListener('load', imitateCollector);
