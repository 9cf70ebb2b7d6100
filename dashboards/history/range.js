/**
 * Which time is shown, and which other it is compared with.
 *
 * In: the form, the address, the gateway's time. Out: one range or two of the same length, told whenever somebody
 * asks for others; the address names them, so that a page can be kept, sent and printed. It refuses a range that ends
 * before it begins.
 */

import { byId, html } from '../shared/elements.js';

/** @typedef {import('../shared/i18n/words.js').Words} Words */
/** @typedef {{from_us: number, to_us: number}} Range */
/** @typedef {{first: Range, second: Range | null}} Ranges */

export const MINUTE_US = 60_000_000;
export const HOUR_US = 60 * MINUTE_US;
export const DAY_US = 24 * HOUR_US;

/** Spans offered, up to now. @type {Record<string, number>} */
const SPANS = { hour: HOUR_US, hours: 6 * HOUR_US, day: DAY_US, week: 7 * DAY_US, month: 30 * DAY_US, season: 120 * DAY_US };
/** What a span is compared with: so much earlier. @type {Record<string, number>} */
const EARLIER = { day: DAY_US, week: 7 * DAY_US, year: 364 * DAY_US };
/** Stored quarter hours and hours of heat reach back this far. */
const WINDOWS_KEPT_US = 30 * DAY_US;
const HOURS_KEPT_US = 120 * DAY_US;

/** Length of the spans of a curve: a few hundred points, whatever the range. @param {Range} range */
export function curveResolution({ from_us, to_us }) {
  const length_us = to_us - from_us;
  if (length_us <= 6 * HOUR_US) return MINUTE_US;
  if (length_us <= 2 * DAY_US) return 5 * MINUTE_US;
  return length_us <= 31 * DAY_US ? HOUR_US : DAY_US;
}

/** Length of the heat windows to step through; null is as stored. @param {Range} range @param {number} now_us */
export function heatResolution({ from_us, to_us }, now_us) {
  const [length_us, age_us] = [to_us - from_us, now_us - from_us];
  if (length_us <= 2 * DAY_US && age_us <= WINDOWS_KEPT_US) return null;
  return length_us <= 14 * DAY_US && age_us <= HOURS_KEPT_US ? HOUR_US : DAY_US;
}

/** As part of a question to the API. @param {Range} range */
export function asQuery({ from_us, to_us }) {
  return `from_us=${from_us}&to_us=${to_us}`;
}

/** Fills the form from the address and calls `show` whenever other ranges are wanted. @param {Words} words @param {() => void} show */
export function chooseRange(words, show) {
  const [span, against] = [select('span'), select('against')];
  span.append(...[...Object.keys(SPANS), 'own'].map((name) => html('option', { value: name }, words.t(`history.span.${name}`))));
  const others = ['none', 'before', ...Object.keys(EARLIER), 'own'];
  against.append(...others.map((name) => html('option', { value: name }, words.t(`history.against.${name}`))));
  const asked = new URLSearchParams(location.search);
  for (const [name, fallback] of Object.entries({ span: 'hours', against: 'none', from: '', to: '', other: '' })) {
    field(name).value = asked.get(name) ?? fallback;
    // What is no option leaves a select without a value.
    if (field(name).value === '' && fallback !== '') field(name).value = fallback;
  }
  const arrange = () => {
    for (const part of document.querySelectorAll('.own')) /** @type {HTMLElement} */ (part).hidden = span.value !== 'own';
    for (const part of document.querySelectorAll('.other')) /** @type {HTMLElement} */ (part).hidden = against.value !== 'own';
  };
  const changed = () => {
    arrange();
    const complete = (span.value !== 'own' || (field('from').value && field('to').value)) && (against.value !== 'own' || field('other').value);
    if (complete) show();
  };
  arrange();
  for (const name of ['span', 'against', 'from', 'to', 'other']) field(name).addEventListener('change', changed);
  byId('range').addEventListener('submit', (event) => {
    event.preventDefault();
    show();
  });
}

/** What the form says, or null where it is no range. @param {number} now_us @returns {Ranges | null} */
export function rangesOf(now_us) {
  const [span, against] = [select('span').value, select('against').value];
  const own = { from_us: asUs(field('from').value), to_us: asUs(field('to').value) };
  const first = span === 'own' ? own : { from_us: now_us - SPANS[span], to_us: now_us };
  if (!(first.from_us < first.to_us)) return null;
  const length_us = first.to_us - first.from_us;
  if (against === 'none') return { first, second: null };
  const offset_us = against === 'before' ? length_us : EARLIER[against];
  const from_us = against === 'own' ? asUs(field('other').value) : first.from_us - offset_us;
  if (Number.isNaN(from_us)) return null;
  return { first, second: { from_us, to_us: from_us + length_us } };
}

/** Writes what is chosen into the address. @param {Record<string, string>} more */
export function keepInAddress(more) {
  const asked = new URLSearchParams(location.search);
  const chosen = { span: field('span').value, against: field('against').value, ...more };
  Object.entries(chosen).forEach(([name, value]) => asked.set(name, value));
  for (const [name, needed] of Object.entries({ from: 'span', to: 'span', other: 'against' })) {
    if (field(needed).value === 'own') asked.set(name, field(name).value);
    else asked.delete(name);
  }
  history.replaceState(null, '', `?${asked}`);
}

/** @param {string} local  as a datetime-local field has it */
function asUs(local) {
  return new Date(local).getTime() * 1000;
}

/** @param {string} id */
function select(id) {
  return /** @type {HTMLSelectElement} */ (byId(id));
}

/** @param {string} id */
function field(id) {
  return /** @type {HTMLInputElement | HTMLSelectElement} */ (byId(id));
}
