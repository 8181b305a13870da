/* What the shop's pages do after they have loaded: the parts of Luma's scripts that matter to whoever changes its pages. */

import { initBlocks, send, showMessage, word } from './blocks.js';
import { initConfigurables } from './configurable.js';
import { affected, changed, initCustomerData, invalidate, keepSeenProducts, reload } from './customer-data.js';
import { initOptions } from './options.js';
import { all, cookie, formKey, parsed, url } from './page.js';
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

// Coupon: the field and the two buttons as Magento's discount-code script wires them.

function initCoupon() {
    const form = document.getElementById('discount-coupon-form');
    if (!form) {
        return;
    }
    const code = form.querySelector('#coupon_code');
    const send = (remove) => {
        form.querySelector('#remove-coupon').value = remove;
        form.requestSubmit();
    };
    const apply = form.querySelector('button.action.apply');
    const cancel = form.querySelector('button.action.cancel');
    if (apply) {
        const applyCode = () => { if (code.value.trim()) { send('0'); } else { code.focus(); } };
        apply.addEventListener('click', applyCode);
        code.addEventListener('keydown', (event) => {
            if (event.key === 'Enter') {
                event.preventDefault();
                applyCode();
            }
        });
    }
    if (cancel) {
        cancel.addEventListener('click', () => send('1'));
    }
    const block = document.getElementById('block-discount');
    const title = block.querySelector('.title');
    const isActive = parsed(block.dataset.mageInit).collapsible.active;
    const show = (isOpen) => {
        block.classList.toggle('active', isOpen);
        title.setAttribute('aria-expanded', String(isOpen));
    };
    const toggle = () => show(!block.classList.contains('active'));
    Object.entries({ role: 'button', tabindex: '0' }).forEach(([name, value]) => title.setAttribute(name, value));
    title.addEventListener('click', toggle);
    title.addEventListener('keydown', (event) => { if (event.key === 'Enter') { toggle(); } });
    show(isActive);
}

// Checkout: what the API says is due, and the order.

function escaped(text) {
    const holder = document.createElement('div');
    holder.textContent = text;
    return holder.innerHTML;
}

async function ask(path, body) {
    const headers = { 'X-Requested-With': 'XMLHttpRequest', 'Content-Type': 'application/json' };
    const answer = await fetch(path, body ? { method: 'POST', headers: headers, body: JSON.stringify(body) } : { headers: headers });
    const said = await answer.json();
    if (!answer.ok) {
        throw new Error(said.message);
    }
    return said;
}

async function initCheckout() {
    const due = document.querySelector('.shop-due');
    if (!due) {
        return;
    }
    const path = '/rest/' + due.dataset.store + '/V1/' + due.dataset.cart + '/payment-information';
    const button = document.querySelector('button.action.checkout');
    button.addEventListener('click', async () => {
        button.disabled = true;
        try {
            await ask(path, { email: due.dataset.email, paymentMethod: { method: 'checkmo' } });
            invalidate(['cart']);
            location.assign(url('checkout/onepage/success/'));
        } catch (error) {
            showMessage({ type: 'error', text: escaped(error.message) });
            button.disabled = false;
        }
    });
    const total = (await ask(path)).totals.grand_total;
    due.querySelector('.price').textContent = formatPrice(total, parsed(due.dataset.format));
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
initCoupon();
initCheckout();
window.addEventListener('load', imitateCollector);
