/* Customer sections as Magento's customer-data keeps them: in local storage, asked for again when the cookie's ids differ. */

import { all, components, cookie, parsed, setCookie, url } from './page.js';

const STORAGE = 'mage-cache-storage';
const INVALID = 'mage-cache-storage-section-invalidation';
const LIFETIME_SECONDS = 3600;

const watchers = {};

const read = (key) => parsed(localStorage.getItem(key)) || {};
const write = (key, value) => localStorage.setItem(key, JSON.stringify(value));
const ids = () => parsed(cookie('section_data_ids')) || {};
const keepIds = (value) => setCookie('section_data_ids', JSON.stringify(value), LIFETIME_SECONDS);

export const section = (name) => read(STORAGE)[name];

/* Calls back with a section now, when it is kept, and whenever it was loaded. */
export function watch(name, show) {
    watchers[name] = show;
    if (section(name)) {
        show(section(name));
    }
}

export async function reload(names) {
    const query = new URLSearchParams({ sections: names.join(','), force_new_section_timestamp: 'false', _: Date.now() });
    const answer = await fetch(sectionUrl() + '?' + query, { headers: { 'X-Requested-With': 'XMLHttpRequest' } });
    const sections = await answer.json();
    const kept = read(STORAGE);
    const known = ids();
    const invalid = read(INVALID);
    Object.entries(sections).forEach(([name, data]) => {
        // Messages are shown once.
        kept[name] = name === 'messages' ? { messages: [], data_id: data.data_id } : data;
        known[name] = data.data_id;
        delete invalid[name];
    });
    write(STORAGE, kept);
    write(INVALID, invalid);
    keepIds(known);
    Object.entries(sections).forEach(([name, data]) => { if (watchers[name]) { watchers[name](data); } });
}

function sectionUrl() {
    const [found] = components('Magento_Customer/js/customer-data');
    return found ? found[1].sectionLoadUrl : url('customer/section/load/');
}

/* The sections that a request to an address makes stale. */
export function affected(address) {
    const [found] = components('Magento_Customer/js/section-config');
    const base = (window.BASE_URL || '/');
    const path = new URL(address, location.href).pathname;
    const route = (path.startsWith(base) ? path.slice(base.length) : path).toLowerCase().split('/').slice(0, 3).join('/');
    return found ? found[1].sections[route] || [] : [];
}

/* Takes sections out of the storage and moves their ids in the cookie, so that the next page loads them. */
export function invalidate(names) {
    const kept = read(STORAGE);
    const known = ids();
    const invalid = read(INVALID);
    names.forEach((name) => {
        delete kept[name];
        invalid[name] = true;
        known[name] = (known[name] || 0) + 1000;
    });
    write(STORAGE, kept);
    write(INVALID, invalid);
    keepIds(known);
}

/* A request of this page has changed something. */
export function changed(address) {
    const names = affected(address);
    if (!names.length) {
        return Promise.resolve();
    }
    invalidate(names);
    return reload(names.concat('messages'));
}

export function initCustomerData() {
    if (!cookie('mage-cache-sessid')) {
        localStorage.removeItem(STORAGE);
        localStorage.removeItem(INVALID);
        setCookie('mage-cache-sessid', 'true', LIFETIME_SECONDS);
    }
    const kept = read(STORAGE);
    const differ = Object.entries(ids()).filter(([name, id]) => (kept[name] || {}).data_id !== id).map(([name]) => name);
    const stale = Array.from(new Set(differ.concat(Object.keys(read(INVALID)))));
    if (stale.length) {
        reload(stale);
    } else if (kept.cart && window.checkout && kept.cart.storeId !== window.checkout.storeId) {
        // Another store view has other prices.
        reload(['cart', 'wishlist'].filter((name) => kept[name]));
    }
    all('form[method=post]').forEach((form) => form.addEventListener('submit', (event) => {
        if (!event.defaultPrevented && affected(form.action).length) {
            invalidate(affected(form.action));
        }
    }));
}

/* Every product page leaves what its script was given about its product, for lists of what was seen. */
export function keepSeenProducts() {
    components('Magento_Catalog/js/product/view/provider').forEach(([, settings]) => {
        const items = settings.data.items;
        write('product_data_storage', Object.assign(read('product_data_storage'), items));
        const seen = Object.keys(items).map((id) => [id, { added_at: Math.round(Date.now() / 1000), product_id: id }]);
        write('recently_viewed_product', Object.assign(read('recently_viewed_product'), Object.fromEntries(seen)));
    });
}
