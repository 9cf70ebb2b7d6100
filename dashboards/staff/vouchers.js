/**
 * The latest vouchers and how they stand; neither codes nor names.
 */

import { byId, html } from '../shared/elements.js';

/** @typedef {import('../shared/store.js').Store} Store */
/** @typedef {import('../shared/shapes.js').Offer} Offer */
/** @typedef {import('../shared/i18n/words.js').Words} Words */

/** As many as are read at a glance. */
const SHOWN_MAX = 5;

/** @param {Store} store @param {Words} words */
export function showVouchers(store, words) {
  const list = byId('vouchers');
  store.draw((changed) => {
    if (!changed.has('offers')) return;
    const items = store.offers.slice(0, SHOWN_MAX).map((offer) => entry(offer, words));
    list.replaceChildren(...(items.length > 0 ? items : [html('li', { class: 'soft' }, words.t('vouchers.none'))]));
  });
}

/** @param {Offer} offer @param {Words} words */
function entry(offer, words) {
  const what = words.t('voucher.line', { percent: words.percent.format(offer.percent / 100), stand: offer.stand });
  const state = words.t(`voucher.${offer.state ?? 'issued'}`, { time: words.time(offer.expires_at_us) });
  return html('li', {}, html('span', {}, what), html('span', { class: 'soft' }, state));
}
