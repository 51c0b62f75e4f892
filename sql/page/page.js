
'use strict';
// Compares a file with the document that was issued, by SHA-256, inside the browser. Nothing is sent.
(() => {
    const check = document.getElementById('check');
    if (!check)
        return;
    if (!window.crypto || !crypto.subtle) {         // a page that came over plain http
        document.getElementById('insecure').hidden = false;
        return;
    }
    const input = document.getElementById('file');
    const result = document.getElementById('result');       // is read out when it changes
    const details = document.getElementById('details');
    const largest = 256 * 1024 * 1024;              // bytes; no document is larger
    let latest = 0;

    const show = (place, name) => place.replaceChildren(document.getElementById(name).content.cloneNode(true));

    const sha256 = async file => Array.from(
        new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer())),
        byte => byte.toString(16).padStart(2, '0')).join('');

    async function compare(file) {
        const turn = ++latest;                      // a file that is chosen meanwhile counts
        let hash = '', verdict = 'differs';
        show(result, 'checking');
        details.replaceChildren();
        try {
            if (file.size <= largest) {
                hash = await sha256(file);
                verdict = hash === check.dataset.sha256 ? 'match' : 'differs';
            }
        } catch {
            verdict = 'unreadable';                 // a folder, for example
        }
        if (turn !== latest)
            return;
        show(result, verdict);
        if (hash) {
            show(details, 'checked-file');
            details.querySelector('bdi').textContent = file.name.replace(/[\u202a-\u202e\u2066-\u2069]/g, '');
            details.querySelector('code').textContent = hash;
        }
    }

    input.addEventListener('change', () => {
        if (input.files.length)
            compare(input.files[0]);
    });
    // The whole page takes what is dropped: beside the field, the browser would open it instead.
    const holdsFiles = event => event.dataTransfer && event.dataTransfer.types.includes('Files');
    addEventListener('dragover', event => {
        if (holdsFiles(event)) {
            event.preventDefault();
            check.classList.add('dragging');
        }
    });
    addEventListener('dragleave', event => {
        if (!event.relatedTarget)
            check.classList.remove('dragging');
    });
    addEventListener('drop', event => {
        if (holdsFiles(event)) {
            event.preventDefault();
            check.classList.remove('dragging');
            if (event.dataTransfer.files.length)
                compare(event.dataTransfer.files[0]);
        }
    });
    check.hidden = false;
})();
