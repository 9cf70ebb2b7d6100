/**
 * How many people a zone or the venue had.
 *
 * In: stored spans. Out: a curve, with that of the other range over it. It refuses single samples: a dot is the mean
 * of its span.
 */

import { byId, html } from '../shared/elements.js';
import { fetched } from '../shared/fetched.js';
import { drawCurve, keyOf } from './curves.js';
import { asQuery, curveResolution } from './range.js';

/** @typedef {import('../shared/shapes.js').PeopleSpan} PeopleSpan */
/** @typedef {import('../shared/i18n/words.js').Words} Words */
/** @typedef {import('./range.js').Range} Range */
/** @typedef {import('./range.js').Ranges} Ranges */

/** A scale of fewer people would make mountains of noise. */
const PEOPLE_TOP_MIN = 10;

/**
 * Asks, and gives what draws the answer.
 * @param {Ranges} ranges @param {string} zone  empty for the venue @param {Words} words @returns {Promise<() => void>}
 */
export async function showPeople(ranges, zone, words) {
  const every_us = curveResolution(ranges.first);
  const both = [ranges.first, ...(ranges.second ? [ranges.second] : [])];
  const named = zone ? `zone=${encodeURIComponent(zone)}&` : '';
  const path = (/** @type {Range} */ range) => `/api/v1/people/history?${named}${asQuery(range)}&resolution_us=${every_us}`;
  /** @type {PeopleSpan[][]} */
  const found = await Promise.all(both.map(async (range) => (await fetched(path(range))).minutes));
  return () => {
    const series = found.map((spans, index) => ({ range: both[index], dots: spans.map((span) => ({ at_us: span.minute_us, value: span.people_mean })) }));
    const label = zone || words.t('table.total');
    drawCurve(byId('people'), { label, series, every_us, least_top: PEOPLE_TOP_MIN }, words);
    if (both.length > 1) byId('people').prepend(keyOf(words, both));
    const file = `people-${zone || 'venue'}.csv`;
    byId('people-links').replaceChildren(html('a', { href: `${path(ranges.first)}&format=csv`, download: file }, 'CSV'));
  };
}
