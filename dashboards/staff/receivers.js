/**
 * Whether every receiver hears.
 *
 * In: alerts. Out: one line while they all hear, and each by name for who opens it. It refuses to say that one
 * hears before anything was heard.
 */

import { byId, html, say } from '../shared/elements.js';

/** @typedef {import('../shared/store.js').Store} Store */
/** @typedef {import('../shared/shapes.js').Venue} Venue */
/** @typedef {import('../shared/i18n/words.js').Words} Words */

/** @param {Store} store @param {Venue} venue @param {Words} words */
export function showReceivers(store, venue, words) {
  const box = byId('receivers');
  const [summary, list] = [/** @type {Element} */ (box.firstElementChild), /** @type {Element} */ (box.lastElementChild)];
  const items = venue.receivers.map(({ name }) => {
    const state = html('span', { class: 'soft' });
    const item = html('li', {}, html('span', {}, name), state);
    list.append(item);
    return { name, item, state };
  });
  say(summary, words.t('receivers.unknown'));

  store.draw((changed) => {
    if (!changed.has('alerts') && !changed.has('people')) return;
    let silent = 0;
    for (const { name, item, state } of items) {
      const is_silent = store.hasAlert('receiver-silent', name);
      silent += Number(is_silent);
      item.classList.toggle('silent', is_silent);
      say(state, words.t(is_silent ? 'receiver.silent' : store.venue ? 'receiver.hears' : 'receiver.unknown'));
    }
    const all = items.length;
    if (silent > 0) say(summary, words.t('receivers.silent', { n: silent, all }));
    else say(summary, store.venue ? words.t('receivers.all', { n: all }) : words.t('receivers.unknown'));
  });
}
