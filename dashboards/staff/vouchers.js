/**
 * The latest vouchers and how they stand.
 *
 * In: offers with their states, refusals at tills. Out: the latest changes with their times, and how many were
 * used. It refuses to show whose they are, or a code.
 */

import { byId, html, say } from '../shared/elements.js';

/** @typedef {import('../shared/store.js').Store} Store */
/** @typedef {import('../shared/shapes.js').Offer} Offer */
/** @typedef {import('../shared/shapes.js').Voucher} Voucher */
/** @typedef {import('../shared/i18n/words.js').Words} Words */
/** @typedef {{at_us: number, row: () => HTMLElement}} Entry */

/** As many as are read at a glance. */
const SHOWN_MAX = 8;

/** @param {Store} store @param {Words} words */
export function showVouchers(store, words) {
  const [list, sum] = [byId('vouchers'), byId('vouchers-sum')];
  store.draw((changed) => {
    if (!changed.has('offers')) return;
    const entries = [...store.offers.map((offer) => ofOffer(offer, words)), ...store.refusals.map((no) => ofRefusal(no, words))];
    const latest = entries.sort((a, b) => b.at_us - a.at_us).slice(0, SHOWN_MAX);
    const rows = latest.map((entry) => entry.row());
    list.replaceChildren(...(rows.length > 0 ? rows : [html('li', { class: 'soft' }, words.t('vouchers.none'))]));
    sum.hidden = store.offers.length === 0;
    say(sum, words.t('vouchers.sum', counts(store.offers)));
  });
}

/** @param {Offer[]} offers */
function counts(offers) {
  const of = (/** @type {string} */ state) => offers.filter((offer) => (offer.state ?? 'issued') === state).length;
  return { issued: of('issued'), redeemed: of('redeemed'), expired: of('expired') };
}

/** @param {Offer} offer @param {Words} words @returns {Entry} */
function ofOffer(offer, words) {
  const at_us = offer.changed_at_us ?? offer.at_us;
  const state = offer.state ?? 'issued';
  const what = words.t('voucher.line', { percent: words.percent.format(offer.percent / 100), stand: offer.stand });
  const how = words.t(`voucher.${state}`, { time: words.time(offer.expires_at_us) });
  return { at_us, row: () => row(words.time(at_us), what, how, { 'data-voucher': offer.voucher, 'data-state': state }) };
}

/** @param {Voucher} refusal @param {Words} words @returns {Entry} */
function ofRefusal({ at_us, stand, reason }, words) {
  const key = `voucher.refused.${reason}`;
  const what = key in words.messages ? words.t(key) : reason ?? '';
  const where = stand ? `${stand}: ${what}` : what;
  return { at_us, row: () => row(words.time(at_us), where, words.t('voucher.refused'), { 'data-state': 'refused' }) };
}

/** @param {string} time @param {string} what @param {string} how @param {Record<string, string>} attributes */
function row(time, what, how, attributes) {
  return html('li', attributes, html('span', { class: 'soft' }, time), html('span', { class: 'what' }, what), html('span', { class: 'how' }, how));
}
