/**
 * Where a figure comes from: a tap on it says how many devices it rests on, which receivers are near, which known
 * counts taught about it, and how old it is.
 *
 * In: a tap or Enter on anything marked `data-why`. Out: a dialog with the gateway's answer. It refuses to explain
 * what the gateway did not say.
 */

import { byId, html, say } from '../shared/elements.js';
import { fetched } from '../shared/fetched.js';

/** @typedef {import('../shared/store.js').Store} Store */
/** @typedef {import('../shared/shapes.js').Why} Why */
/** @typedef {import('../shared/shapes.js').WhyReceiver} WhyReceiver */
/** @typedef {import('../shared/shapes.js').WhyAnchor} WhyAnchor */
/** @typedef {import('../shared/i18n/words.js').Words} Words */

/**
 * Marks a figure as one that can be asked about: `zone:bar`, `queue:bar`, or `venue:`.
 * @param {Element} element @param {'zone' | 'queue' | 'venue'} kind @param {string} name
 */
export function askable(element, kind, name) {
  element.setAttribute('data-why', `${kind}:${name}`);
}

/** @param {Store} store @param {Words} words */
export function explainFigures(store, words) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('why'));
  byId('why-close').addEventListener('click', () => dialog.close());
  // A tap beside the dialog closes it: the dialog itself is all padding there.
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  const open = async (/** @type {Element} */ figure) => {
    const [kind, name] = split(figure.getAttribute('data-why') ?? '');
    const place = kind === 'venue' ? words.t('why.venue') : name;
    say(byId('why-title'), words.t('why.title', { figure: place }));
    byId('why-text').replaceChildren();
    delete dialog.dataset.told;
    dialog.showModal();
    const path = kind === 'venue' ? '/api/v1/why' : `/api/v1/why?${kind}=${encodeURIComponent(name)}`;
    const why = await fetched(path).catch(() => null);
    byId('why-text').replaceChildren(...(why ? explanation(why, store, words) : [html('p', {}, words.t('why.failed'))]));
    dialog.dataset.told = figure.getAttribute('data-why') ?? '';
  };
  document.addEventListener('click', (event) => {
    const figure = event.target instanceof Element ? event.target.closest('[data-why]') : null;
    if (figure) open(figure);
  });
  // Buttons do this by themselves; drawn figures do not.
  document.addEventListener('keydown', (event) => {
    const figure = event.target instanceof SVGElement ? event.target.closest('[data-why]') : null;
    if (!figure || (event.key !== 'Enter' && event.key !== ' ')) return;
    event.preventDefault();
    open(figure);
  });
}

/** @param {string} why */
function split(why) {
  const at = why.indexOf(':');
  return [why.slice(0, at), why.slice(at + 1)];
}

/** @param {Why} why @param {Store} store @param {Words} words */
function explanation(why, store, words) {
  const title = why.zone || why.queue ? 'why.receivers' : 'why.receivers.all';
  const anchors = why.anchors.map((anchor) => anchorLine(anchor, words));
  return [
    ...figure(why, words).map((text) => html('p', {}, text)),
    html('p', { class: 'soft' }, age(why, words)),
    html('h3', {}, words.t(title)),
    html('ul', {}, ...why.receivers.map((receiver) => receiverLine(receiver, store, words))),
    html('h3', {}, words.t('why.anchors')),
    anchors.length > 0 ? html('ul', {}, ...anchors) : html('p', { class: 'soft' }, words.t('why.anchors.none')),
  ];
}

/** @param {Why} why @param {Words} words */
function figure({ people, queue_state: queue }, words) {
  if (people) {
    const interval = words.interval(people.low, people.high);
    const devices = Math.round(people.devices);
    const share = people.devices >= 1 ? [words.t('why.share', { n: words.tenths.format(people.people / people.devices) })] : [];
    return [words.t('why.people', { n: Math.round(people.people), interval }), words.t('why.devices', { n: devices }), ...share];
  }
  if (!queue) return [words.t('why.none')];
  const interval = words.interval(queue.length_low, queue.length_high);
  const [arrivals, served] = [queue.arrivals_per_min, queue.served_per_min];
  const known = arrivals !== null && served !== null;
  const rates = known ? words.t('why.rates', { arrivals: words.tenths.format(arrivals), served: words.tenths.format(served) }) : words.t('why.rates.unknown');
  return [words.t('why.length', { n: Math.round(queue.length), interval }), rates];
}

/** @param {Why} why @param {Words} words */
function age(why, words) {
  const at_us = why.people?.at_us ?? why.queue_state?.at_us;
  if (at_us === undefined || why.age_s === null) return '';
  return words.t('why.age', { age: words.age(why.age_s), time: words.time(at_us) });
}

/** @param {WhyReceiver} receiver @param {Store} store @param {Words} words */
function receiverLine({ receiver, state, distance_m, adverts_per_s, heard_at_us }, store, words) {
  const parts = [words.t(`receiver.${state}`)];
  if (adverts_per_s !== null) parts.push(words.t('radio.rate', { n: Math.round(adverts_per_s) }));
  const now_us = store.pulse?.now_us;
  if (heard_at_us !== null && now_us) parts.push(words.t('radio.heard', { age: words.age(Math.max(0, (now_us - heard_at_us) / 1e6)) }));
  const away = distance_m === null ? '' : `, ${words.t('why.receiver.distance', { n: Math.round(distance_m) })}`;
  return html('li', { class: state === 'silent' ? 'silent' : '' }, html('span', {}, `${receiver}${away}`), html('span', {}, parts.join(', ')));
}

/** @param {WhyAnchor} anchor @param {Words} words */
function anchorLine({ kind, place, people, at_us }, words) {
  const text = words.t(`why.anchor.${kind}`, { place: place || words.t('why.everywhere'), n: people });
  return html('li', {}, html('span', {}, text), html('span', { class: 'soft' }, words.moment(at_us)));
}
