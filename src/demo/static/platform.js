/* Spares the page its reloads: forms are sent in the background, and what others do shows by itself. Without it all works, too. */
(function () {
    'use strict';

    const EVERY = 2000;
    let latest = 0;

    function show(html, turn) {
        // An answer that was overtaken by a later one says what no longer is.
        if (turn !== latest) {
            return;
        }
        const focused = document.activeElement && document.activeElement.id;
        const fresh = new DOMParser().parseFromString(html, 'text/html').getElementById('main');
        document.getElementById('main').replaceWith(fresh);
        prepare();
        const again = focused && document.getElementById(focused);
        if (again) {
            again.focus({ preventScroll: true });
        }
    }

    async function load(url, options) {
        latest += 1;
        const turn = latest;
        const answer = await fetch(url, options);
        if (answer.ok) {
            show(await answer.text(), turn);
        }
        return answer.ok;
    }

    function send(form, button) {
        const fields = new URLSearchParams(new FormData(form));
        if (button && button.name) {
            fields.append(button.name, button.value);
        }
        // Where that fails, the browser sends the form itself and shows what came of it.
        const plainly = () => {
            const field = document.createElement('input');
            field.type = 'hidden';
            field.name = (button && button.name) || 'to';
            field.value = button ? button.value : '';
            form.append(field);
            form.submit();
        };
        load(form.action, { method: 'POST', body: fields }).then((done) => done || plainly(), plainly);
    }

    function prepare() {
        document.querySelectorAll('.apply').forEach((button) => { button.hidden = true; });
    }

    function isChoosing() {
        return document.activeElement && document.activeElement.tagName === 'SELECT';
    }

    document.addEventListener('submit', (event) => {
        event.preventDefault();
        send(event.target, event.submitter);
    });
    document.addEventListener('change', (event) => {
        if (event.target.tagName === 'SELECT') {
            const form = event.target.form;
            event.target.blur();
            send(form);
        }
    });
    setInterval(() => {
        if (!document.hidden && !isChoosing()) {
            load(location.href).catch(() => {});
        }
    }, EVERY);
    prepare();
}());
