/* What the shop's pages do after they have loaded: the parts of Luma's scripts that matter to whoever changes its pages. */
(function () {
    'use strict';

    const SECTIONS_KEY = 'mage-cache-storage';
    const LIFETIME_SECONDS = 3600;

    const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));

    // Cookies

    function cookie(name) {
        const found = document.cookie.split('; ').find((pair) => pair.startsWith(name + '='));
        if (!found) {
            return null;
        }
        try {
            return decodeURIComponent(found.slice(name.length + 1));
        } catch (error) {
            return found.slice(name.length + 1);
        }
    }

    function setCookie(name, value, maxAge) {
        document.cookie = name + '=' + encodeURIComponent(value) + '; path=/; SameSite=Lax; max-age=' + maxAge;
    }

    // Form keys: the one in a cached page is not the shopper's.

    function formKey() {
        let key = cookie('form_key');
        if (!key) {
            const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
            const numbers = crypto.getRandomValues(new Uint8Array(16));
            key = Array.from(numbers, (number) => letters[number % letters.length]).join('');
        }
        setCookie('form_key', key, LIFETIME_SECONDS);
        all('input[name=form_key]').forEach((input) => { input.value = key; });
        return key;
    }

    // Prices: a box with a widget prints its amounts anew, from the widget's prices or from its own attributes.

    function roundHalfUp(number, digits) {
        const shifted = Math.round(Number(Math.abs(number) + 'e' + digits));
        return Number(shifted + 'e-' + digits);
    }

    function formatPrice(amount, format) {
        const digits = format.requiredPrecision;
        const parts = roundHalfUp(amount, digits).toFixed(digits).split('.');
        const groups = parts[0].replace(new RegExp('\\B(?=(\\d{' + format.groupLength + '})+$)', 'g'), format.groupSymbol);
        const text = groups + (parts[1] ? format.decimalSymbol + parts[1] : '');
        return (amount < 0 ? '-' : '') + format.pattern.replace('%s', text);
    }

    function pricesOf(box, config) {
        if (config.prices && Object.keys(config.prices).length) {
            return Object.fromEntries(Object.entries(config.prices).map(([type, price]) => {
                const adjustments = Object.values(price.adjustments || {});
                return [type, adjustments.reduce((sum, adjustment) => sum + Number(adjustment), Number(price.amount))];
            }));
        }
        const prices = {};
        all('[data-price-type]', box).forEach((element) => {
            const amount = parseFloat(element.dataset.priceAmount);
            if (element.dataset.priceType && !Number.isNaN(amount)) {
                prices[element.dataset.priceType] = amount;
            }
        });
        return prices;
    }

    function renderPrices(box, config) {
        Object.entries(pricesOf(box, config)).forEach(([type, amount]) => {
            all('[data-price-type="' + type + '"]', box).forEach((element) => {
                const price = document.createElement('span');
                price.className = 'price';
                price.textContent = formatPrice(amount, config.priceFormat);
                element.replaceChildren(price);
            });
        });
        box.dataset.rendered = 'true';
    }

    function initPriceBoxes() {
        all('script[type="text/x-magento-init"]').forEach((script) => {
            let components;
            try {
                components = JSON.parse(script.textContent);
            } catch (error) {
                return;
            }
            Object.entries(components).forEach(([selector, widgets]) => {
                if (widgets.priceBox) {
                    all(selector).forEach((box) => renderPrices(box, widgets.priceBox.priceConfig));
                }
            });
        });
    }

    // Customer sections: kept in local storage, asked for again when the cookie's ids differ.

    function stored() {
        try {
            return JSON.parse(localStorage.getItem(SECTIONS_KEY)) || {};
        } catch (error) {
            return {};
        }
    }

    function storedIds() {
        try {
            return JSON.parse(cookie('section_data_ids')) || {};
        } catch (error) {
            return {};
        }
    }

    function keep(sections) {
        const kept = Object.assign(stored(), sections);
        delete kept.messages;
        localStorage.setItem(SECTIONS_KEY, JSON.stringify(kept));
        const ids = Object.fromEntries(Object.entries(kept).map(([name, section]) => [name, section.data_id]));
        setCookie('section_data_ids', JSON.stringify(ids), LIFETIME_SECONDS);
        setCookie('mage-cache-sessid', 'true', LIFETIME_SECONDS);
    }

    async function reload(names) {
        const query = new URLSearchParams({ sections: names.join(','), force_new_section_timestamp: 'true', _: Date.now() });
        const answer = await fetch('/customer/section/load/?' + query, { headers: { 'X-Requested-With': 'XMLHttpRequest' } });
        const sections = await answer.json();
        keep(sections);
        showSections(sections);
    }

    function initSections() {
        if (!cookie('mage-cache-sessid')) {
            localStorage.removeItem(SECTIONS_KEY);
        }
        const sections = stored();
        showSections(sections);
        const ids = storedIds();
        const stale = Object.keys(ids).filter((name) => !sections[name] || sections[name].data_id !== ids[name]);
        if (stale.length) {
            reload(stale);
        }
    }

    function showSections(sections) {
        if (sections.cart) {
            showCart(sections.cart);
        }
        if (sections.messages) {
            sections.messages.messages.forEach(showMessage);
        }
    }

    function showMessage(message) {
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
        const text = cookie('mage-messages');
        if (!text) {
            return;
        }
        setCookie('mage-messages', '', 0);
        try {
            JSON.parse(text).forEach(showMessage);
        } catch (error) {
            // A cut cookie has nothing to say.
        }
    }

    // Minicart

    function showCart(cart) {
        const counter = document.querySelector('.showcart .counter.qty');
        counter.classList.toggle('empty', !cart.summary_count);
        counter.querySelector('.counter-number').textContent = cart.summary_count || '';
        const content = document.getElementById('minicart-content-wrapper');
        if (!cart.summary_count) {
            content.innerHTML = '<strong class="subtitle empty">You have no items in your shopping cart.</strong>';
            return;
        }
        content.innerHTML = '<strong class="title">' + cart.summary_count + (cart.summary_count === 1 ? ' item' : ' items')
            + ' in your cart</strong><ol class="minicart-items">' + cart.items.map(cartItem).join('') + '</ol>'
            + '<div class="minicart-total subtotal"><span class="label">Cart Subtotal</span>' + cart.subtotal_excl_tax + '</div>'
            + '<a class="action primary" href="/checkout/">Proceed to Checkout</a>'
            + '<a class="minicart-more" href="/checkout/cart/">View and edit cart</a>' + cart.extra_actions;
    }

    function cartItem(item) {
        return '<li class="product-item"><a href="' + item.product_url + '"><img src="' + item.product_image.src
            + '" width="60" height="75" alt=""></a><div><div class="product-item-name"><a href="' + item.product_url + '">'
            + item.product_name + '</a></div>' + item.product_price + ' <span>Qty ' + item.qty + '</span></div>'
            + '<button type="button" class="delete" title="Remove item" data-cart-item="' + item.item_id + '">&times;</button></li>';
    }

    function initMinicart() {
        const wrapper = document.querySelector('[data-block=minicart]');
        wrapper.querySelector('.showcart').addEventListener('click', (event) => {
            if (stored().cart) {
                event.preventDefault();
                wrapper.classList.toggle('active');
            }
        });
        document.addEventListener('click', async (event) => {
            const remove = event.target.closest('[data-cart-item]');
            if (remove) {
                await send('/checkout/sidebar/removeItem/', { item_id: remove.dataset.cartItem });
                await reload(['cart']);
            } else if (!wrapper.contains(event.target)) {
                wrapper.classList.remove('active');
            }
        });
    }

    // Forms

    function send(url, fields) {
        return fetch(url, {
            method: 'POST',
            headers: { 'X-Requested-With': 'XMLHttpRequest' },
            body: new URLSearchParams(Object.assign({ form_key: formKey() }, fields)),
        });
    }

    async function addToCart(event) {
        event.preventDefault();
        const form = event.target;
        const button = form.querySelector('.tocart');
        const label = button.querySelector('span');
        button.disabled = true;
        label.textContent = 'Adding...';
        await send(form.action, Object.fromEntries(new FormData(form)));
        await reload(['cart', 'messages']);
        label.textContent = 'Added';
        button.disabled = false;
        setTimeout(() => { label.textContent = 'Add to Cart'; }, 1500);
    }

    function initForms() {
        all('form[data-role=tocart-form], #product_addtocart_form').forEach((form) => {
            form.addEventListener('submit', addToCart);
            form.querySelector('.tocart').disabled = false;
        });
        document.addEventListener('click', (event) => {
            const link = event.target.closest('[data-post]');
            if (!link) {
                return;
            }
            event.preventDefault();
            const post = JSON.parse(link.dataset.post);
            const form = document.createElement('form');
            form.method = 'post';
            form.action = post.action;
            Object.entries(Object.assign({ form_key: formKey() }, post.data)).forEach(([name, value]) => {
                const input = document.createElement('input');
                Object.assign(input, { type: 'hidden', name: name, value: value });
                form.append(input);
            });
            document.body.append(form);
            form.submit();
        });
    }

    // A cart changed by a form of this page: its section is stale on the next one.
    function markCartStale() {
        all('.form-cart').forEach((form) => form.addEventListener('submit', () => localStorage.removeItem(SECTIONS_KEY)));
        document.addEventListener('click', (event) => {
            if (event.target.closest('[data-post]')) {
                localStorage.removeItem(SECTIONS_KEY);
            }
        });
        if (document.body.classList.contains('checkout-cart-index')) {
            reload(['cart']);
        }
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
    }

    // Checkout: what the API says is due.

    async function showDue() {
        const due = document.querySelector('.shop-due');
        if (due) {
            const answer = await fetch('/rest/default/V1/guest-carts/' + due.dataset.cart + '/payment-information');
            const total = (await answer.json()).totals.grand_total;
            due.querySelector('.price').textContent = formatPrice(total, {
                pattern: '$%s', requiredPrecision: 2, decimalSymbol: '.', groupSymbol: ',', groupLength: 3,
            });
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
    initMinicart();
    initSections();
    showCookieMessages();
    initForms();
    initControls();
    markCartStale();
    showDue();
    window.addEventListener('load', imitateCollector);
}());
