/**
 * Where people were: a map of the range or of one moment in it, beside that of another range, and what differs.
 *
 * In: stored heat windows of a floor. Out: maps over the plan's outline, with a slider through the windows; its first
 * place is the whole range. It refuses to compare cells that are not the same places.
 */

import { byId, html, say, svg } from '../shared/elements.js';
import { fetched } from '../shared/fetched.js';
import { DENSITY_FULL, difference, drawHeat, meanGrid, opacity, peopleOn } from '../shared/heat.js';
import { labelPlace } from '../shared/geometry.js';
import { asQuery, heatResolution } from './range.js';

/** @typedef {import('../shared/shapes.js').Venue} Venue */
/** @typedef {import('../shared/shapes.js').Floor} Floor */
/** @typedef {import('../shared/shapes.js').StoredHeat} StoredHeat */
/** @typedef {import('../shared/i18n/words.js').Words} Words */
/** @typedef {import('../shared/heat.js').Grid} Grid */
/** @typedef {import('./range.js').Range} Range */
/** @typedef {import('./range.js').Ranges} Ranges */

export class Maps {
  /** @type {Ranges | null} */
  ranges = null;
  /** @type {Floor | null} */
  shown = null;
  /** Windows of the first range, and of the second. @type {[StoredHeat[], StoredHeat[]]} */
  windows = [[], []];

  /** @param {Venue} venue @param {Words} words @param {(at_us: number | null) => void} moved  told of the moment shown */
  constructor(venue, words, moved) {
    this.venue = venue;
    this.words = words;
    this.moved = moved;
    this.slider = /** @type {HTMLInputElement} */ (byId('moment'));
    this.slider.addEventListener('input', () => this.draw());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
    window.addEventListener('beforeprint', () => this.draw());
  }

  /** @param {string} name */
  floor(name) {
    return this.venue.floors.find((floor) => floor.name === name) ?? this.venue.floors[0];
  }

  /** Asks, and gives what draws the answer. @param {Ranges} ranges @param {string} floor @param {number} now_us @returns {Promise<() => void>} */
  async load(ranges, floor, now_us) {
    const resolution_us = heatResolution(ranges.first, now_us);
    const path = (/** @type {Range} */ range) => `/api/v1/heat?floor=${encodeURIComponent(floor)}&${asQuery(range)}${resolution_us ? `&resolution_us=${resolution_us}` : ''}`;
    const windows = async (/** @type {Range} */ range) => (await fetched(path(range))).windows;
    const both = await Promise.all([windows(ranges.first), ranges.second ? windows(ranges.second) : []]);
    return () => {
      [this.ranges, this.shown, this.windows] = [ranges, this.floor(floor), /** @type {[StoredHeat[], StoredHeat[]]} */ (both)];
      this.slider.max = String(this.windows[0].length);
      this.slider.value = '0';
      this.slider.disabled = this.windows[0].length === 0;
      const link = (/** @type {string} */ format) => html('a', { href: `${path(ranges.first)}&format=${format}`, download: `heat-${floor}.${format}` }, format.toUpperCase());
      byId('heat-links').replaceChildren(link('csv'), ' ', link('png'), ' ', link('geojson'));
      this.draw();
    };
  }

  /** The windows to show of both ranges, and the words for them. */
  chosen() {
    const index = Number(this.slider.value) - 1;
    const [first, second] = this.windows;
    const ranges = /** @type {Ranges} */ (this.ranges);
    if (index < 0) return { first, second, text: this.words.t('history.whole'), at_us: null };
    const window = first[index];
    const offset_us = (ranges.second?.from_us ?? 0) - ranges.first.from_us;
    const half_us = (window.to_us - window.from_us) / 2;
    const same = second.filter((other) => Math.abs(other.from_us - window.from_us - offset_us) <= half_us);
    return { first: [window], second: same, text: this.words.range(window.from_us, window.to_us), at_us: (window.from_us + window.to_us) / 2 };
  }

  draw() {
    if (!this.ranges || !this.shown) return;
    const { first, second, text, at_us } = this.chosen();
    say(byId('moment-text'), text);
    this.slider.setAttribute('aria-valuetext', text);
    const grids = [meanGrid(first), meanGrid(second)];
    const maps = [this.map(grids[0], this.title(this.ranges.first, first, at_us))];
    if (this.ranges.second) {
      maps.push(this.map(grids[1], this.title(this.ranges.second, second, at_us)));
      const changed = grids[0] && grids[1] ? difference(grids[0], grids[1]) : null;
      maps.push(this.map(changed, this.words.t('history.difference'), true));
    }
    byId('maps').replaceChildren(...maps);
    byId('maps').dataset.maps = String(maps.length);
    this.drawLegend(Boolean(this.ranges.second));
    this.moved(at_us);
  }

  /** @param {Range} range @param {StoredHeat[]} windows @param {number | null} at_us */
  title(range, windows, at_us) {
    if (at_us === null || windows.length === 0) return this.words.range(range.from_us, range.to_us);
    return this.words.range(windows[0].from_us, windows[0].to_us);
  }

  /** @param {Grid | null} grid @param {string} title @param {boolean} [is_change] */
  map(grid, title, is_change = false) {
    const floor = /** @type {Floor} */ (this.shown);
    const canvas = html('canvas', { 'aria-hidden': true });
    drawHeat(canvas, grid, floor);
    const count = grid ? peopleOn(grid) : 0;
    const n = Math.round(Math.abs(count));
    const key = is_change ? (n === 0 ? 'history.same' : count < 0 ? 'history.fewer' : 'history.more') : 'history.on-average';
    const words = grid ? this.words.t(key, { n }) : this.words.t(is_change ? 'history.incomparable' : 'history.none');
    const caption = html('figcaption', {}, html('strong', {}, title), ' ', html('span', { class: 'soft' }, words));
    return html('figure', { class: 'map', 'data-people': grid ? count.toFixed(1) : '' }, caption, html('div', { class: 'sheet' }, canvas, outline(this.venue, floor)));
  }

  /** @param {boolean} compared */
  drawLegend(compared) {
    const ramp = (/** @type {string} */ name) => {
      const box = html('span', { class: 'ramp', 'aria-hidden': true });
      const stops = [0, 0.1, 0.3, 1].map((share) => `rgb(var(${name}) / ${opacity(share * DENSITY_FULL)}) ${100 * share}%`);
      box.style.background = `linear-gradient(to right, ${stops.join(', ')})`;
      return box;
    };
    const most = this.words.count(10 * DENSITY_FULL);
    const scale = html('span', { class: 'scale' }, this.words.t('heat.legend'), ' 0', ramp('--heat'), most);
    const less = html('span', { class: 'scale' }, this.words.t('history.legend.less'), ' 0', ramp('--less'), most);
    byId('heat-legend').replaceChildren(scale, ...(compared ? [less] : []));
  }
}

/** Zones with their names, walls and queues. @param {Venue} venue @param {Floor} floor */
function outline(venue, floor) {
  const here = (/** @type {{floor: string}} */ thing) => thing.floor === floor.name;
  const points = (/** @type {[number, number][]} */ shape) => shape.map(([x, y]) => `${x},${floor.depth_m - y}`).join(' ');
  const root = svg('svg', { viewBox: `0 0 ${floor.width_m} ${floor.depth_m}`, 'aria-hidden': true });
  const size = floor.width_m / 34;
  const walls = venue.walls.filter(here).flatMap((wall) => wall.points.slice(1).map((point, index) => [wall.points[index], point]));
  const clear = [...venue.queues.filter(here).flatMap((queue) => [queue.area, queue.counter]), ...walls];
  root.append(
    svg('rect', { class: 'outline', width: floor.width_m, height: floor.depth_m }),
    ...venue.zones.filter(here).map((zone) => svg('polygon', { class: 'zone', points: points(zone.polygon) })),
    ...venue.queues.filter(here).map((queue) => svg('polygon', { class: 'queue', points: points(queue.area) })),
    ...venue.walls.filter(here).map((wall) => svg('polyline', { class: 'wall', points: points(wall.points) })),
    ...venue.zones.filter(here).map((zone) => {
      const { x_m, y_m } = labelPlace(zone.polygon, clear);
      return svg('text', { x: x_m, y: floor.depth_m - y_m, 'font-size': size, 'text-anchor': 'middle' }, zone.name);
    }),
  );
  return root;
}
