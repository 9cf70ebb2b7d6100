/**
 * Whether every receiver hears, and how its source of adverts is.
 *
 * In: alerts, and the health of the sources. Out: one line while they all hear, and each by name for who opens it:
 * how much it hears, or why it does not. It refuses to say that one hears before anything was heard, and opens by
 * itself when one stops: a fault is not to be searched for.
 */

import { byId, html, say } from '../shared/elements.js';

/** @typedef {import('../shared/store.js').Store} Store */
/** @typedef {import('../shared/shapes.js').Venue} Venue */
/** @typedef {import('../shared/shapes.js').Radio} Radio */
/** @typedef {import('../shared/i18n/words.js').Words} Words */
/** @typedef {{name: string, item: HTMLElement, state: HTMLElement, detail: HTMLElement}} Row */

/** States in which a source does what it should. */
const FINE = ['starting', 'listening', 'ended'];
/** A source that brings the adverts of many receivers is called so. */
const BOARDS = 'boards';
/** Without an advert for this long it is said when the last came, seconds of event time. */
const HEARD_LONG_AGO_S = 60;
/** A loss of less than a thousandth changes no figure. */
const LOST_SHARE = 0.001;

/** @param {Store} store @param {Venue} venue @param {Words} words */
export function showReceivers(store, venue, words) {
  const box = /** @type {HTMLDetailsElement} */ (byId('receivers'));
  const [summary, list] = [/** @type {Element} */ (box.firstElementChild), /** @type {Element} */ (box.lastElementChild)];
  const receivers = venue.receivers.map(({ name }) => newRow(name, name));
  list.append(...receivers.map(({ item }) => item));
  /** Sources that stand for no single receiver of the plan, by name and device. @type {Map<string, Row>} */
  const others = new Map();
  const broker = html('li', { class: 'silent', hidden: true });
  list.append(broker);
  say(summary, words.t('receivers.unknown'));
  let wrong_before = 0;
  let opened_here = false;

  store.draw((changed) => {
    if (!changed.has('alerts') && !changed.has('people') && !changed.has('health')) return;
    const radios = store.health?.radios ?? [];
    const wrong = receivers.filter((row) => {
      const of = radios.filter((radio) => radio.receiver === row.name);
      return drawReceiver(row, of, store, words);
    }).length;
    const known = new Set(receivers.map(({ name }) => name));
    const rest = radios.filter((radio) => !known.has(radio.receiver));
    const wrong_rest = drawOthers(others, rest, broker, store, words);
    drawBroker(broker, store, words);
    const all = receivers.length;
    if (wrong > 0) say(summary, words.t('receivers.silent', { n: wrong, all }));
    else if (wrong_rest > 0) say(summary, words.t('receivers.sources', { n: wrong_rest }));
    else say(summary, store.venue ? words.t('receivers.all', { n: all }) : words.t('receivers.unknown'));
    summary.classList.toggle('silent', wrong + wrong_rest > 0);
    // Once for each fault: who closes it has seen it. What opened by itself closes by itself.
    if (wrong + wrong_rest > wrong_before && !box.open) box.open = opened_here = true;
    if (wrong + wrong_rest === 0 && opened_here) box.open = opened_here = false;
    wrong_before = wrong + wrong_rest;
  });
}

/** @param {string} name @param {string} shown @returns {Row} */
function newRow(name, shown) {
  const [state, detail] = [html('span', { class: 'how' }), html('span', { class: 'detail soft' })];
  return { name, state, detail, item: html('li', {}, html('span', { class: 'what' }, shown, detail), state) };
}

/** Whether something is wrong with it. @param {Row} row @param {Radio[]} radios @param {Store} store @param {Words} words */
function drawReceiver(row, radios, store, words) {
  const is_silent = store.hasAlert('receiver-silent', row.name);
  const broken = radios.find((radio) => !FINE.includes(radio.state));
  row.item.classList.toggle('silent', is_silent || Boolean(broken));
  if (broken) say(row.state, stateWords(broken, words));
  else if (is_silent) say(row.state, words.t('receiver.silent'));
  else if (!store.venue) say(row.state, words.t('receiver.unknown'));
  else say(row.state, radios.length > 0 ? rate(radios, words) : words.t('receiver.hears'));
  say(row.detail, radios.map((radio) => detail(radio, store, words)).filter(Boolean).join('; '));
  return is_silent || Boolean(broken);
}

/**
 * Sources of no single receiver; how many of them are wrong.
 * @param {Map<string, Row>} rows @param {Radio[]} radios @param {Element} before @param {Store} store @param {Words} words
 */
function drawOthers(rows, radios, before, store, words) {
  const wrong = radios.filter((radio) => {
    const key = `${radio.receiver} ${radio.device}`;
    const name = radio.receiver === BOARDS ? words.t('receivers.boards') : radio.receiver;
    const row = rows.get(key) ?? newRow(radio.receiver, name);
    if (!rows.has(key)) {
      rows.set(key, row);
      before.before(row.item);
    }
    const broken = !FINE.includes(radio.state);
    row.item.classList.toggle('silent', broken);
    say(row.state, broken ? stateWords(radio, words) : rate([radio], words));
    say(row.detail, detail(radio, store, words));
    return broken;
  });
  return wrong.length;
}

/** @param {HTMLElement} item @param {Store} store @param {Words} words */
function drawBroker(item, store, words) {
  item.hidden = (store.health?.broker_connected ?? 1) > 0;
  if (!item.hidden) say(item, words.t('broker.lost', { n: store.health?.outbox_waiting ?? 0 }));
}

/** @param {Radio} radio @param {Words} words */
function stateWords(radio, words) {
  const key = `radio.${radio.state}`;
  return key in words.messages ? words.t(key) : radio.state;
}

/** @param {Radio[]} radios @param {Words} words */
function rate(radios, words) {
  if (radios.every((radio) => radio.state === 'starting')) return words.t('radio.starting');
  const per_s = radios.reduce((sum, radio) => sum + radio.adverts_per_s, 0);
  return words.t('radio.rate', { n: Math.round(per_s) });
}

/** When it last heard something, where that is long ago, and what it lost. @param {Radio} radio @param {Store} store @param {Words} words */
function detail(radio, store, words) {
  const parts = [];
  const now_us = store.pulse?.now_us;
  const age_s = now_us && radio.heard_at_us ? (now_us - radio.heard_at_us) / 1e6 : 0;
  if (age_s > HEARD_LONG_AGO_S) parts.push(words.t('radio.heard', { age: words.age(age_s) }));
  const lost = Object.values(radio.lost).reduce((sum, count) => sum + count, 0);
  if (lost > LOST_SHARE * radio.adverts) parts.push(words.t('radio.lost', { n: lost }));
  if (radio.recoveries['given-up'] > 0) parts.push(words.t('radio.given-up', { n: radio.recoveries['given-up'] }));
  return parts.join(', ');
}
