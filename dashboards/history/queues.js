/**
 * How long a queue was, how long one waited, and whether the forecast was right.
 *
 * In: stored spans with the forecasts made in them. Out: curves; the forecast a quarter of an hour later, where it was
 * meant for, over the times when the wait was indeed over its limit; and a table of how often what was said came. It
 * refuses to judge forecasts where only sums of hours are read.
 */

import { byId, html } from '../shared/elements.js';
import { fetched } from '../shared/fetched.js';
import { drawCurve, keyOf } from './curves.js';
import { asQuery, curveResolution, DAY_US, MINUTE_US } from './range.js';

/** @typedef {import('../shared/shapes.js').QueueSpan} QueueSpan */
/** @typedef {import('../shared/shapes.js').PlannedQueue} PlannedQueue */
/** @typedef {import('../shared/i18n/words.js').Words} Words */
/** @typedef {import('./range.js').Range} Range */
/** @typedef {import('./range.js').Ranges} Ranges */
/** @typedef {{from: number, to: number, said: number, came: number, chance_sum: number}} Judged */

/** How far ahead the forecast looks. */
const AHEAD_US = 15 * MINUTE_US;
/** Up to this range minutes are read, so that a forecast can be held against what came. */
const JUDGED_US_MAX = 2 * DAY_US;
const PEOPLE_TOP_MIN = 10;
const WAIT_TOP_MIN = 5;
/** Chances that are judged together. */
const BOUNDS = [0, 0.2, 0.5, 0.8, 1];

/** Asks, and gives what draws the answer. @param {Ranges} ranges @param {PlannedQueue} queue @param {Words} words @returns {Promise<() => void>} */
export async function showQueue(ranges, queue, words) {
  const judged = ranges.first.to_us - ranges.first.from_us <= JUDGED_US_MAX;
  const every_us = judged ? MINUTE_US : curveResolution(ranges.first);
  const both = [ranges.first, ...(ranges.second ? [ranges.second] : [])];
  const path = (/** @type {Range} */ range) => `/api/v1/queues/${encodeURIComponent(queue.name)}/history?${asQuery(range)}&resolution_us=${every_us}`;
  /** @type {QueueSpan[][]} */
  const found = await Promise.all(both.map(async (range) => (await fetched(path(range))).minutes));
  return () => {
    const curve = (/** @type {string} */ id, /** @type {string} */ label, /** @type {(span: QueueSpan) => number | null} */ value, more = {}) => {
      const series = found.map((spans, index) => ({ range: both[index], dots: spans.map((span) => ({ at_us: span.minute_us, value: value(span) })) }));
      drawCurve(byId(id), { label: words.t(label), series, every_us, ...more }, words);
    };
    curve('length', 'history.waiting', (span) => span.length_mean, { least_top: PEOPLE_TOP_MIN });
    const limit = queue.wait_limit_s / 60;
    const limit_text = words.t('history.limit', { minutes: Math.round(limit) });
    curve('wait', 'history.wait', (span) => (span.wait_mean_s === null ? null : span.wait_mean_s / 60), { least_top: WAIT_TOP_MIN, limit, limit_text });
    if (both.length > 1) byId('length').prepend(keyOf(words, both));
    showForecast(found[0], ranges.first, queue.wait_limit_s, judged, words);
    const file = `queue-${queue.name}.csv`;
    byId('queue-links').replaceChildren(html('a', { href: `${path(ranges.first)}&format=csv`, download: file }, 'CSV'));
  };
}

/** @param {QueueSpan[]} spans @param {Range} range @param {number} limit_s @param {boolean} judged @param {Words} words */
function showForecast(spans, range, limit_s, judged, words) {
  if (!judged) {
    byId('chance').replaceChildren(html('p', { class: 'soft' }, words.t('history.forecast.too-long')));
    byId('judged').replaceChildren();
    return;
  }
  const dots = spans.map((span) => ({ at_us: span.minute_us + AHEAD_US, value: span.p_wait_over_limit_15min_mean }));
  const inside = dots.filter(({ at_us }) => at_us < range.to_us);
  const over = spans.filter((span) => (span.wait_mean_s ?? 0) > limit_s);
  const bands = over.map((span) => ({ from_us: span.minute_us, to_us: span.minute_us + MINUTE_US }));
  const text = (/** @type {number} */ value) => words.percent.format(value);
  const minutes = Math.round(limit_s / 60);
  const label = words.t('history.forecast.label', { minutes });
  drawCurve(byId('chance'), { label, series: [{ range, dots: inside }], every_us: MINUTE_US, top: 1, bands, text }, words);
  if (inside.length > 0) byId('chance').prepend(html('p', { class: 'soft' }, words.t('history.forecast.more', { minutes })));
  byId('judged').replaceChildren(...judgedTable(judge(spans, limit_s), words));
}

/** How often what was said came. @param {QueueSpan[]} spans @param {number} limit_s @returns {Judged[]} */
export function judge(spans, limit_s) {
  const waits = new Map(spans.map((span) => [span.minute_us, span.wait_mean_s]));
  const bins = BOUNDS.slice(1).map((to, index) => ({ from: BOUNDS[index], to, said: 0, came: 0, chance_sum: 0 }));
  for (const { minute_us, p_wait_over_limit_15min_mean: chance } of spans) {
    const wait_s = waits.get(minute_us + AHEAD_US);
    if (chance === null || wait_s === null || wait_s === undefined) continue;
    const bin = /** @type {Judged} */ (bins.find(({ to }) => chance <= to) ?? bins.at(-1));
    bin.said += 1;
    bin.came += Number(wait_s > limit_s);
    bin.chance_sum += chance;
  }
  return bins.filter(({ said }) => said > 0);
}

/** @param {Judged[]} bins @param {Words} words */
function judgedTable(bins, words) {
  if (bins.length === 0) return [];
  const heads = ['history.judged.said', 'history.judged.minutes', 'history.judged.mean', 'history.judged.came'];
  const rows = bins.map(({ from, to, said, came, chance_sum }) =>
    html(
      'tr',
      {},
      html('th', { scope: 'row' }, `${words.percent.format(from)}–${words.percent.format(to)}`),
      html('td', {}, words.count(said)),
      html('td', {}, words.percent.format(chance_sum / said)),
      html('td', {}, words.percent.format(came / said)),
    ),
  );
  const head = html('tr', {}, ...heads.map((key) => html('th', { scope: 'col' }, words.t(key))));
  return [html('table', { class: 'judged' }, html('thead', {}, head), html('tbody', {}, ...rows))];
}
