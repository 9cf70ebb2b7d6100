/**
 * From where to where people went, as a matrix.
 *
 * In: sums of movements. Out: a table, origins down and destinations across, shaded by how many; two beside each other
 * where ranges are compared. It refuses to show zones between which nobody was seen to move.
 */

import { byId, html } from '../shared/elements.js';
import { fetched } from '../shared/fetched.js';
import { asQuery } from './range.js';

/** @typedef {import('../shared/shapes.js').MovementSum} MovementSum */
/** @typedef {import('../shared/i18n/words.js').Words} Words */
/** @typedef {import('./range.js').Range} Range */
/** @typedef {import('./range.js').Ranges} Ranges */

/** Shades of a cell; a class each, because the page's policy allows no styles in markup. */
const SHADES = 5;

/** Asks, and gives what draws the answer. @param {Ranges} ranges @param {Words} words @returns {Promise<() => void>} */
export async function showFlow(ranges, words) {
  const both = [ranges.first, ...(ranges.second ? [ranges.second] : [])];
  const path = (/** @type {Range} */ range) => `/api/v1/movements?${asQuery(range)}`;
  /** @type {MovementSum[][]} */
  const found = await Promise.all(both.map(async (range) => (await fetched(path(range))).movements));
  return () => {
    // One scale and one list of zones, so that the tables can be compared.
    const most = Math.max(1, ...found.flat().map(({ people }) => people));
    const names = [...new Set(found.flat().flatMap(({ origin, destination }) => [origin, destination]))].sort();
    const tables = found.map((moves, index) => matrix(moves, both[index], names, most, words));
    byId('flow').replaceChildren(...tables, html('p', { class: 'soft' }, words.t('history.flow.note')));
    byId('flow-links').replaceChildren(html('a', { href: `${path(ranges.first)}&format=csv`, download: 'movements.csv' }, 'CSV'));
  };
}

/** @param {MovementSum[]} moves @param {Range} range @param {string[]} names @param {number} most @param {Words} words */
function matrix(moves, range, names, most, words) {
  const caption = html('caption', {}, words.range(range.from_us, range.to_us));
  if (moves.length === 0) {
    return html('p', {}, html('strong', {}, words.range(range.from_us, range.to_us)), ` ${words.t('history.flow.none')}`);
  }
  const between = new Map(moves.map((move) => [`${move.origin}\n${move.destination}`, move]));
  const cell = (/** @type {string} */ origin, /** @type {string} */ destination) => {
    const move = between.get(`${origin}\n${destination}`);
    if (!move) return html('td', {}, html('span', { class: 'soft' }, origin === destination ? '' : '–'));
    const shade = Math.min(SHADES, Math.ceil((SHADES * move.people) / most));
    const title = words.t('history.flow.cell', { origin, destination, n: Math.round(move.people), interval: words.interval(move.low, move.high) });
    return html('td', { class: `shade-${shade}`, title, 'data-people': move.people.toFixed(1) }, words.count(move.people));
  };
  const head = html('tr', {}, html('th', { scope: 'col' }, words.t('history.flow.corner')), ...names.map((name) => html('th', { scope: 'col' }, name)));
  const rows = names.map((origin) => html('tr', {}, html('th', { scope: 'row' }, origin), ...names.map((destination) => cell(origin, destination))));
  return html('div', { class: 'scrolled', tabindex: 0, role: 'group', 'aria-label': words.t('history.flow') }, html('table', { class: 'matrix' }, caption, html('thead', {}, head), html('tbody', {}, ...rows)));
}
