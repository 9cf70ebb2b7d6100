/**
 * The way out.
 *
 * In: a press, and a second one that means it. Out: everything about her erased, and her name gone from the
 * address. It refuses to say so before the gateway did.
 */

import { byId, say } from '../shared/elements.js';

/** @typedef {import('../shared/i18n/words.js').Words} Words */

/** @param {string} path  of the attendee in the API @param {Words} words @param {() => void} stop  ends what keeps the page up to date */
export function offerToLeave(path, words, stop) {
  const sure = /** @type {HTMLDialogElement} */ (byId('sure'));
  byId('leave').addEventListener('click', () => {
    say(byId('leave-failed'), '');
    sure.showModal();
  });
  byId('leave-stay').addEventListener('click', () => sure.close());
  byId('leave-do').addEventListener('click', async () => {
    const response = await fetch(path, { method: 'DELETE' }).catch(() => undefined);
    if (!response?.ok) return say(byId('leave-failed'), words.t('me.failed'));
    sure.close();
    stop();
    byId('member').remove();
    byId('gone').hidden = false;
    byId('gone').querySelector('h1')?.focus();
    return history.replaceState(null, '', '/me');
  });
}
