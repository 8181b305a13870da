/* The demo's panel: choose who you are, and see the page follow. A real shop has no such thing. */
(function () {
    'use strict';

    const settings = JSON.parse(document.currentScript.dataset.settings);
    const COOKIE = 'segue-audiences';
    const STATE = 'demo-panel';

    function cookie(name) {
        const found = document.cookie.split('; ').find((pair) => pair.startsWith(name + '='));
        return found ? decodeURIComponent(found.slice(name.length + 1)) : null;
    }

    /* Without a choice Experience Platform says who is shopping, where there is one. */
    function isLeftToPlatform() {
        return Boolean(settings.platform) && !cookie(COOKIE);
    }

    function chosen() {
        const value = cookie(COOKIE) || '';
        return value.split(',').filter((id) => settings.audiences.some((audience) => audience.id === id));
    }

    /* Who this browser is to Adobe: the first field of the identity cookie, which is a protobuf message in base64. */
    function visitor() {
        const value = cookie(settings.platform.cookie);
        try {
            const bytes = atob(value.replace(/-/g, '+').replace(/_/g, '/'));
            const id = bytes.slice(2, 2 + bytes.charCodeAt(1));
            return bytes.charCodeAt(0) === 10 && /^[0-9]+$/.test(id) ? id : null;
        } catch (error) {
            return null;
        }
    }

    function leaveToPlatform() {
        document.cookie = COOKIE + '=; path=/; SameSite=Lax; max-age=0';
    }

    function choose(ids) {
        const value = ids.length ? ids.join(',') : 'none';
        document.cookie = COOKIE + '=' + encodeURIComponent(value) + '; path=/; SameSite=Lax; max-age=86400';
        location.reload();
    }

    function element(tag, className, text) {
        const made = document.createElement(tag);
        made.className = className;
        if (text) {
            made.textContent = text;
        }
        return made;
    }

    function option(name, hint, isOn, act) {
        const button = element('button', 'demo-panel__option');
        button.type = 'button';
        button.setAttribute('aria-pressed', String(isOn));
        button.append(element('span', 'demo-panel__mark'), element('span', 'demo-panel__name', name));
        if (hint) {
            button.append(element('span', 'demo-panel__hint', hint));
        }
        button.addEventListener('click', act);
        return button;
    }

    const HINTS = { VIP: '20 % off everything', 'New visitor': '10 % off, by a code', Wholesale: '$5 off every bag' };

    function options(active) {
        const list = element('div', 'demo-panel__options');
        settings.audiences.forEach(({ id, name }) => {
            const isOn = active.includes(id);
            const next = isOn ? active.filter((other) => other !== id) : active.concat(id);
            list.append(option(name, HINTS[name], isOn, () => choose(next)));
        });
        const isNobody = active.length === 0 && !isLeftToPlatform();
        list.append(option('Nobody', 'what everyone sees', isNobody, () => choose([])));
        return list;
    }

    function isHere(base) {
        return Boolean(base) && new URL(base).host === location.host;
    }

    function here(base) {
        return new URL(location.pathname + location.search, base).href;
    }

    /* A choice made here would win over what is said there. */
    function platformLink() {
        const link = element('a', 'demo-panel__link demo-panel__platform', 'Move this visitor in Experience Platform');
        const id = visitor();
        link.href = settings.platform.url + (id ? '?visitor=' + id : '');
        link.target = '_blank';
        link.rel = 'noopener';
        link.addEventListener('click', leaveToPlatform);
        return link;
    }

    /* Changes the shop's rule behind Segue's back, so that the cart charges more than pages say. */
    function ruleSwitch() {
        const button = element('button', 'demo-panel__link demo-panel__rule');
        button.type = 'button';
        const ask = async (method) => {
            const answer = await fetch('/demo/vip-rule/', { method: method, headers: { 'X-Requested-With': 'XMLHttpRequest' } });
            const rule = await answer.json();
            button.textContent = rule.gives === rule.says ? 'Break the shop\'s VIP rule' : 'Mend the shop\'s VIP rule';
            button.title = 'The shop takes ' + rule.gives + ' % off for VIPs. Pages promise ' + rule.says + ' %.';
        };
        button.addEventListener('click', () => ask('POST').then(() => location.reload()));
        ask('GET').catch(() => button.remove());
        return button;
    }

    function footer() {
        const foot = element('p', 'demo-panel__foot');
        const isOrigin = isHere(settings.origin);
        const target = isOrigin ? settings.storefront : settings.origin;
        if (isOrigin) {
            foot.append(element('span', '', 'Without Segue all see this. '));
        }
        if (target) {
            const link = element('a', 'demo-panel__link', isOrigin ? 'Back through Segue' : 'This page without Segue');
            link.href = here(target);
            foot.append(link);
        }
        if (settings.platform && !isOrigin) {
            foot.append(platformLink());
        }
        foot.append(ruleSwitch());
        return foot;
    }

    function isSmall() {
        return window.matchMedia('(max-width: 767px)').matches;
    }

    function savedState() {
        try {
            return localStorage.getItem(STATE);
        } catch (error) {
            return null;
        }
    }

    function build() {
        const active = chosen();
        const names = settings.audiences.filter((audience) => active.includes(audience.id)).map((audience) => audience.name);
        const nobody = isLeftToPlatform() ? 'As Experience Platform says' : 'Nobody in particular';
        const panel = element('aside', 'demo-panel');
        panel.setAttribute('aria-label', 'Segue demo');
        // English beside whatever the shop's language is.
        panel.dir = 'ltr';
        const head = element('button', 'demo-panel__head');
        head.type = 'button';
        head.append(element('span', 'demo-panel__brand', 'Segue demo'), element('span', 'demo-panel__who', names.join(' + ') || nobody), element('span', 'demo-panel__arrow'));
        const body = element('div', 'demo-panel__body');
        body.append(element('p', 'demo-panel__lead', 'Who is shopping?'), options(active), footer());
        panel.append(head, body);
        const show = (isOpen) => {
            panel.classList.toggle('demo-panel--open', isOpen);
            head.setAttribute('aria-expanded', String(isOpen));
        };
        head.addEventListener('click', () => {
            const isOpen = !panel.classList.contains('demo-panel--open');
            show(isOpen);
            try {
                localStorage.setItem(STATE, isOpen ? 'open' : 'closed');
            } catch (error) {
                // Without storage it opens and closes for this page only.
            }
        });
        const state = savedState();
        show(state ? state === 'open' : !isSmall());
        document.body.append(panel);
    }

    build();
}());
