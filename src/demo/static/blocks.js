/* What is rendered from customer sections: messages, minicart, wish list, comparison. */

import { all, cookie, formKey, parsed, setCookie, url } from './page.js';
import { changed, section, watch } from './customer-data.js';

/* The shop's words in the page's language. */
const words = parsed(document.getElementById('shop-words').textContent);
export const word = (english) => words[english] || english;

export function send(address, fields) {
    const body = fields instanceof URLSearchParams ? fields : new URLSearchParams(fields);
    body.set('form_key', formKey());
    return fetch(address, { method: 'POST', headers: { 'X-Requested-With': 'XMLHttpRequest' }, body: body });
}

export function showMessage(message) {
    const place = document.querySelector('.page.messages [data-placeholder=messages]');
    const box = document.createElement('div');
    box.className = 'message-' + message.type + ' ' + message.type + ' message';
    box.setAttribute('role', 'alert');
    const text = document.createElement('div');
    text.innerHTML = message.text;
    box.append(text);
    place.append(box);
    box.scrollIntoView({ block: 'nearest' });
}

function showCookieMessages() {
    const list = parsed(cookie('mage-messages'));
    setCookie('mage-messages', '', 0);
    (list || []).forEach(showMessage);
}

/* Minicart: section texts are HTML and shown as they are. */

function showCart(cart) {
    const counter = document.querySelector('.showcart .counter.qty');
    counter.classList.toggle('empty', !cart.summary_count);
    counter.querySelector('.counter-number').textContent = cart.summary_count || '';
    const content = document.getElementById('minicart-content-wrapper');
    if (!cart.summary_count) {
        content.innerHTML = '<strong class="subtitle empty">' + word('You have no items in your shopping cart.') + '</strong>';
        return;
    }
    content.innerHTML = '<strong class="title">' + cart.summary_count + ' ' + word(cart.summary_count === 1 ? 'item' : 'items')
        + '</strong><ol class="minicart-items">' + cart.items.map(cartItem).join('') + '</ol>'
        + '<div class="minicart-total subtotal"><span class="label">' + word('Cart Subtotal') + '</span>' + subtotal(cart) + '</div>'
        + '<a class="action primary" href="' + url('checkout/') + '">' + word('Proceed to Checkout') + '</a>'
        + '<a class="minicart-more" href="' + url('checkout/cart/') + '">' + word('View and edit cart') + '</a>' + cart.extra_actions;
}

/* With tax, without, or one below the other. */
function subtotal(cart) {
    const display = (window.checkout || {}).taxDisplay;
    const line = (kind, label, html) => '<div class="price-wrapper price-' + kind + '-tax" data-label="' + label + '">' + html + '</div>';
    const lines = [
        display === 'exclude' ? '' : line('including', word('Incl. Tax'), cart.subtotal_incl_tax),
        display === 'include' ? '' : line('excluding', word('Excl. Tax'), cart.subtotal_excl_tax),
    ];
    return '<div class="amount price-container">' + lines.join('') + '</div>';
}

function cartItem(item) {
    const options = item.options.map((option) => option.label + ': ' + option.value).join(', ');
    return '<li class="product-item"><a href="' + item.product_url + '"><img src="' + item.product_image.src
        + '" width="60" height="75" alt=""></a><div><div class="product-item-name"><a href="' + item.product_url + '">'
        + item.product_name + '</a></div>' + (options ? '<div class="minicart-options">' + options + '</div>' : '')
        + '<div class="minicart-price-line">' + item.product_price + ' <span>' + word('Qty') + ' ' + item.qty + '</span></div></div>'
        + '<button type="button" class="delete" title="' + word('Remove item') + '" data-cart-item="' + item.item_id + '">&times;</button></li>';
}

function initMinicart() {
    const wrapper = document.querySelector('[data-block=minicart]');
    wrapper.querySelector('.showcart').addEventListener('click', (event) => {
        if (section('cart')) {
            event.preventDefault();
            wrapper.classList.toggle('active');
        }
    });
    document.addEventListener('click', async (event) => {
        const remove = event.target.closest('[data-cart-item]');
        if (remove) {
            await send(window.checkout.removeItemUrl, { item_id: remove.dataset.cartItem });
            await changed(window.checkout.removeItemUrl);
        } else if (!wrapper.contains(event.target)) {
            wrapper.classList.remove('active');
        }
    });
}

/* Wish list and comparison */

function showWishlist(wishlist) {
    all('.link.wishlist .counter').forEach((counter) => { counter.textContent = wishlist.counter || ''; });
    const block = document.querySelector('.block-wishlist .block-content');
    if (block && wishlist.counter) {
        block.innerHTML = '<ol class="product-items no-display-links">' + wishlist.items.map(wish).join('') + '</ol>';
    }
}

function wish(item) {
    return '<li class="product-item"><a class="product-item-photo" href="' + item.product_url + '"><img src="' + item.image.src
        + '" width="60" height="75" alt=""></a><div><strong class="product-item-name"><a href="' + item.product_url + '">'
        + item.product_name + '</a></strong>' + item.product_price + '</div></li>';
}

function showCompared(list) {
    all('.link.compare .action').forEach((link) => {
        link.classList.toggle('no-display', !list.count);
        link.querySelector('.counter').textContent = list.count ? list.countCaption : '';
    });
    const block = document.querySelector('.block-compare');
    if (block && list.count) {
        const names = list.items.map((item) => '<li class="product-item"><a href="' + item.product_url + '">' + item.name + '</a></li>');
        block.querySelector('.empty').innerHTML = '<ol>' + names.join('') + '</ol><a class="action compare" href="' + list.listUrl + '">'
            + word('Compare Products') + '</a>';
    }
}

/* Who logged in is greeted instead of everybody. */

const welcome = Array.from(document.querySelector('.greet.welcome').childNodes);

function greet(customer) {
    const greeting = document.createElement('span');
    greeting.className = 'logged-in';
    greeting.textContent = word('Welcome, %1!').replace('%1', customer.fullname);
    document.querySelector('.greet.welcome').replaceChildren(...(customer.fullname ? [greeting] : welcome));
}

/* Dynamic blocks: the page has empty widgets, and what they hold comes for each shopper. */

async function showBanners() {
    const widgets = all('.block-banners[data-display-mode=fixed]');
    if (!widgets.length) {
        return;
    }
    const query = new URLSearchParams({ requesting_page_url: location.href, sections: 'banner', _: Date.now() });
    const answer = await fetch(url('banner/ajax/load/') + '?' + query, { headers: { 'X-Requested-With': 'XMLHttpRequest' } });
    const items = (await answer.json()).banner.items.fixed;
    widgets.forEach((widget) => widget.dataset.ids.split(',').filter((id) => items[id]).forEach((id) => {
        const item = document.createElement('li');
        item.className = 'banner-item';
        item.dataset.bannerId = id;
        const content = document.createElement('div');
        content.className = 'banner-item-content';
        content.innerHTML = items[id].content;
        item.append(content);
        widget.querySelector('.banner-items').append(item);
    }));
}

export function initBlocks() {
    showBanners();
    initMinicart();
    showCookieMessages();
    watch('messages', (messages) => messages.messages.forEach(showMessage));
    watch('cart', showCart);
    watch('customer', greet);
    watch('wishlist', showWishlist);
    watch('compare-products', showCompared);
}
