/**
 * Curves over time.
 *
 * In: one series or two, an axis. Out: a drawing with ticks at whole values and times, a key where there are two, and
 * a sentence that says the most and the mean for whoever cannot see it. The second range is laid over the first. Gaps
 * in what was stored stay gaps. It refuses more than one scale in a drawing.
 */

import { html, svg } from '../shared/elements.js';

/** @typedef {import('../shared/i18n/words.js').Words} Words */
/** @typedef {import('./range.js').Range} Range */
/** @typedef {{at_us: number, value: number | null}} Dot */
/** @typedef {{range: Range, dots: Dot[]}} Series */
/**
 * @typedef {object} Curve
 * @property {string} label
 * @property {Series[]} series  one, or two where ranges are compared
 * @property {number} every_us  space between dots; more is a gap
 * @property {number} [top]  end of the scale; the largest value where it is left out
 * @property {number} [least_top]  the scale reaches at least here
 * @property {number} [limit]  a level to mark, with its words
 * @property {string} [limit_text]
 * @property {Range[]} [bands]  times to mark in the background
 * @property {(value: number) => string} [text]  of a value
 */

/** A drawing is made for the width there is, in pixels, so that its text has one size; on paper it is stretched. */
const [WIDTH_MIN, WIDTH_UNKNOWN, HEIGHT] = [280, 900, 190];
const [LEFT, RIGHT, TOP, BOTTOM] = [44, 12, 10, 24];
/** As many ticks as are read without effort. */
const TICKS_MAX = 5;
/** A time of day, and a day with it, need this many pixels. */
const [TIME_PX, DAY_PX] = [80, 140];
const MINUTES = [1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400, 28800, 43200];

/** @param {HTMLElement} place @param {Curve} curve @param {Words} words */
export function drawCurve(place, curve, words) {
  const values = curve.series.flatMap(({ dots }) => dots.flatMap(({ value }) => (value === null ? [] : [value])));
  if (values.length === 0) {
    place.replaceChildren(html('p', { class: 'soft' }, words.t('history.none')));
    return;
  }
  const text = curve.text ?? ((value) => words.count(value));
  // A limit keeps room above it for its words.
  const largest = Math.max(curve.least_top ?? 0, 1.15 * (curve.limit ?? 0), ...values);
  const step = niceStep(largest / TICKS_MAX);
  const top = curve.top ?? Math.max(step, Math.ceil(largest / step) * step);
  const width = Math.max(WIDTH_MIN, place.clientWidth || WIDTH_UNKNOWN);
  const scale = new Scale(curve.series[0].range, top, width);
  const root = svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'data-cursor': '' });
  const said = summary(curve, text, words);
  root.setAttribute('aria-label', said);
  root.append(
    ...(curve.bands ?? []).map((band) => bandOf(band, scale)),
    ...valueTicks(top, step, scale, text),
    ...timeTicks(scale, words),
    ...(curve.limit === undefined ? [] : limitLine(curve.limit, curve.limit_text ?? '', scale)),
    ...curve.series.map((series, index) => line(series, index, curve.every_us, scale)).reverse(),
    svg('path', { class: 'cursor', d: '' }),
  );
  place.replaceChildren(root, html('p', { class: 'said soft' }, said));
  place.dataset.fromUs = String(scale.range.from_us);
  place.dataset.toUs = String(scale.range.to_us);
  place.dataset.width = String(width);
}

/** Marks a moment in a curve, or none. @param {HTMLElement} place @param {number | null} at_us */
export function markMoment(place, at_us) {
  const cursor = place.querySelector('.cursor');
  if (!cursor) return;
  const range = { from_us: Number(place.dataset.fromUs), to_us: Number(place.dataset.toUs) };
  const x = new Scale(range, 1, Number(place.dataset.width)).x(at_us ?? -1);
  cursor.setAttribute('d', at_us === null ? '' : `M${x.toFixed(1)} ${TOP}V${HEIGHT - BOTTOM}`);
}

/** Which line is which. @param {Words} words @param {Range[]} ranges */
export function keyOf(words, ranges) {
  const entry = (/** @type {Range} */ range, /** @type {number} */ index) =>
    html('span', { class: `key key-${index}` }, words.range(range.from_us, range.to_us));
  return html('p', { class: 'keys' }, ...ranges.map(entry));
}

class Scale {
  /** @param {Range} range @param {number} top @param {number} width */
  constructor(range, top, width) {
    this.range = range;
    this.top = top;
    this.right = width - RIGHT;
  }

  /** @param {number} at_us */
  x(at_us) {
    const share = (at_us - this.range.from_us) / (this.range.to_us - this.range.from_us);
    return LEFT + Math.max(0, Math.min(1, share)) * (this.right - LEFT);
  }

  /** @param {number} value */
  y(value) {
    return HEIGHT - BOTTOM - (Math.min(value, this.top) / this.top) * (HEIGHT - TOP - BOTTOM);
  }
}

/** @param {number} rough */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1e-9)));
  const found = [1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10;
  // Half a person is no tick.
  return Math.max(found * power, 1);
}

/** @param {Series} series @param {number} index @param {number} every_us @param {Scale} scale */
function line({ range, dots }, index, every_us, scale) {
  const shift_us = scale.range.from_us - range.from_us;
  let path = '';
  let last_us = -Infinity;
  for (const { at_us, value } of dots) {
    if (value === null) continue;
    const near = at_us - last_us <= 1.5 * every_us;
    // A dot alone is drawn as a short stroke.
    path += `${near ? 'L' : 'M'}${scale.x(at_us + shift_us).toFixed(1)} ${scale.y(value).toFixed(1)}${near ? '' : 'h0.1'}`;
    last_us = at_us;
  }
  return svg('path', { class: `line line-${index}`, d: path });
}

/** @param {Range} band @param {Scale} scale */
function bandOf({ from_us, to_us }, scale) {
  const [left, right] = [scale.x(from_us), scale.x(to_us)];
  return svg('rect', { class: 'band', x: left, width: Math.max(0.5, right - left), y: TOP, height: HEIGHT - TOP - BOTTOM });
}

/** @param {number} top @param {number} step @param {Scale} scale @param {(value: number) => string} text */
function valueTicks(top, step, scale, text) {
  const space = top <= 1 ? 0.25 : step;
  const values = Array.from({ length: Math.round(top / space) + 1 }, (_, index) => index * space);
  return values.flatMap((value) => {
    const y = scale.y(value);
    const label = svg('text', { class: 'tick', x: LEFT - 6, y: y + 4, 'text-anchor': 'end' }, text(value));
    return [svg('path', { class: 'grid', d: `M${LEFT} ${y}H${scale.right}` }), label];
  });
}

/** Whole local times. @param {Scale} scale @param {Words} words */
function timeTicks(scale, words) {
  const { from_us, to_us } = scale.range;
  const minutes = (to_us - from_us) / 60e6;
  const ticks_max = Math.max(2, Math.floor((scale.right - LEFT) / (minutes > 1440 ? DAY_PX : TIME_PX)));
  const every_min = MINUTES.find((count) => minutes / count <= ticks_max) ?? 86400;
  const every_us = every_min * 60e6;
  const away_us = new Date(from_us / 1000).getTimezoneOffset() * 60e6;
  const ticks = [];
  for (let at_us = Math.ceil((from_us - away_us) / every_us) * every_us + away_us; at_us <= to_us; at_us += every_us) {
    const x = scale.x(at_us);
    if (x < LEFT + 10 || x > scale.right - 14) continue;
    const text = every_min >= 1440 ? words.day.format(new Date(at_us / 1000)) : minutes > 1440 ? words.moment(at_us) : words.time(at_us);
    ticks.push(svg('path', { class: 'grid', d: `M${x} ${TOP}V${HEIGHT - BOTTOM}` }));
    ticks.push(svg('text', { class: 'tick', x, y: HEIGHT - 6, 'text-anchor': 'middle' }, text));
  }
  return ticks;
}

/** @param {number} limit @param {string} text @param {Scale} scale */
function limitLine(limit, text, scale) {
  const y = scale.y(limit);
  const label = svg('text', { class: 'tick limit-text', x: scale.right - 4, y: y - 4, 'text-anchor': 'end' }, text);
  return [svg('path', { class: 'limit', d: `M${LEFT} ${y}H${scale.right}` }), label];
}

/** @param {Curve} curve @param {(value: number) => string} text @param {Words} words */
function summary({ label, series }, text, words) {
  const parts = series.map(({ range, dots }) => {
    const known = dots.filter(({ value }) => value !== null);
    if (known.length === 0) return `${words.range(range.from_us, range.to_us)}: ${words.t('history.none')}`;
    const most = known.reduce((best, dot) => (Number(dot.value) > Number(best.value) ? dot : best));
    const mean = known.reduce((sum, { value }) => sum + Number(value), 0) / known.length;
    return words.t('history.most', { most: text(Number(most.value)), at: words.moment(most.at_us), mean: text(mean) });
  });
  return `${label}: ${parts.join(` ${words.t('history.versus')} `)}`;
}
