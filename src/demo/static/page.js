/* What all scripts of the shop need of a page: elements, cookies, JSON in the page, requests. */

export const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));

export const url = (path) => (window.BASE_URL || '/') + path;

export function cookie(name) {
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

export function setCookie(name, value, maxAge) {
    document.cookie = name + '=' + encodeURIComponent(value) + '; path=/; SameSite=Lax; max-age=' + maxAge;
}

export function parsed(text) {
    try {
        return JSON.parse(text);
    } catch (error) {
        return null;
    }
}

/* The settings of one component wherever the page's scripts name it, as [selector, settings]. */
export function components(name) {
    return all('script[type="text/x-magento-init"]').flatMap((script) => {
        const found = Object.entries(parsed(script.textContent) || {});
        return found.filter(([, widgets]) => widgets[name]).map(([selector, widgets]) => [selector, widgets[name]]);
    });
}

/* The key in a cached page is not the shopper's. */
export function formKey() {
    let key = cookie('form_key');
    if (!key) {
        const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
        const numbers = crypto.getRandomValues(new Uint8Array(16));
        key = Array.from(numbers, (number) => letters[number % letters.length]).join('');
    }
    setCookie('form_key', key, 3600);
    all('input[name=form_key]').forEach((input) => { input.value = key; });
    return key;
}
