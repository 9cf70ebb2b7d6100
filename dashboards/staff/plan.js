/**
 * The floor plan with its figures: zones, walls, queues, entrances, receivers, followed attendees.
 *
 * In: the venue and the store. Out: one drawing per floor, in metres, y up as in the floor plan. Drawn once;
 * then only texts, classes and dots change. Labels keep their size on the screen however large the floor is. It
 * refuses names as markup.
 */

import { byId, html, say, svg } from '../shared/elements.js';
import { labelPlace } from '../shared/geometry.js';
import { askable } from './why.js';
import { DENSITY_FULL, drawHeat, liveGrid, meanGrid, opacity, windowsShown } from '../shared/heat.js';

/** @typedef {import('../shared/store.js').Store} Store */
/** @typedef {import('../shared/shapes.js').Venue} Venue */
/** @typedef {import('../shared/shapes.js').Floor} Floor */
/** @typedef {import('../shared/shapes.js').Point} Point */
/** @typedef {import('../shared/i18n/words.js').Words} Words */

/** A drawing is at most this share of the window's height, so that it is seen whole. */
const HEIGHT_SHARE = 0.78;
/** "12 · 10 min" needs this many pixels. */
const QUEUE_LABEL_PX = 100;
/** Radius of a followed attendee's dot, and at most how much ground it covers: dozens must not hide the plan. */
const DOT_PX = 3.25;
const DOT_M_MAX = 0.25;
/** Width of what is tapped of a label, in heights of its figure: "about 123". */
const LABEL_WIDTH = 4.5;
/** Half the side of the ground that labels leave to a receiver's sign, metres. */
const SIGN_M = 0.6;

/** @param {Store} store @param {Venue} venue @param {Words} words */
export function showPlan(store, venue, words) {
  const legend = new Legend(words);
  /** @type {Drawing} */
  let drawing;
  const choose = (/** @type {Floor} */ floor) => {
    drawing = new Drawing(venue, floor, words);
    byId('plan').replaceChildren(drawing.root);
    fit(drawing);
    drawing.draw(store);
    drawing.drawHeat(store, legend);
  };
  chooseView();
  chooseFloor(venue, choose);
  choose(venue.floors[0]);

  new ResizeObserver(() => fit(drawing)).observe(byId('map'));
  window.addEventListener('resize', () => fit(drawing));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawing.drawHeat(store, legend));
  store.draw((changed) => {
    drawing.draw(store);
    if (changed.has('heat')) drawing.drawHeat(store, legend);
    legend.followed(drawing.followed.childElementCount);
  });
}

/** Map or table, each by its button. */
function chooseView() {
  const [map, table] = [byId('view-map'), byId('view-table')];
  const choose = (/** @type {boolean} */ is_map) => {
    map.setAttribute('aria-pressed', String(is_map));
    table.setAttribute('aria-pressed', String(!is_map));
    byId('map').hidden = !is_map;
    byId('table').hidden = is_map;
  };
  map.addEventListener('click', () => choose(true));
  table.addEventListener('click', () => choose(false));
}

/** @param {Venue} venue @param {(floor: Floor) => void} choose */
function chooseFloor(venue, choose) {
  const buttons = venue.floors.map((floor, index) => {
    const button = html('button', { 'aria-pressed': String(index === 0) }, floor.name);
    button.addEventListener('click', () => {
      buttons.forEach((other) => other.setAttribute('aria-pressed', String(other === button)));
      choose(floor);
    });
    return button;
  });
  byId('floors').append(...buttons);
  byId('floors').hidden = buttons.length < 2;
}

/** Sizes the sheet so that the whole floor is seen, and tells the drawing how large a pixel is. @param {Drawing} drawing */
function fit(drawing) {
  const { width_m, depth_m } = drawing.floor;
  const sheet = /** @type {HTMLElement} */ (byId('map').querySelector('.sheet'));
  const width_max = byId('map').clientWidth;
  if (width_max === 0) return;
  const height_max = Math.max(280, window.innerHeight * HEIGHT_SHARE);
  const width = Math.min(width_max, (height_max * width_m) / depth_m);
  sheet.style.width = `${width}px`;
  drawing.setScale(width_m / width);
}

/** The ground a receiver's sign covers. @param {{x_m: number, y_m: number}} receiver @returns {Point[]} */
function around({ x_m, y_m }) {
  const [left, right, bottom, top] = [x_m - SIGN_M, x_m + SIGN_M, y_m - SIGN_M, y_m + SIGN_M];
  return [[left, bottom], [right, bottom], [right, top], [left, top]];
}

class Drawing {
  /** @type {Map<string, {box: SVGGElement, lines: SVGTextElement[], hit: SVGRectElement, title: Element, room_m: number}>} */
  zones = new Map();
  /** @type {Map<string, {shape: SVGElement, text: SVGTextElement, title: Element, width_m: number}>} */
  queues = new Map();
  /** @type {Map<string, {ring: SVGElement, title: Element}>} */
  receivers = new Map();
  followed = svg('g', { class: 'followed' });
  /** @type {Map<string, SVGGElement>} */
  dots = new Map();
  m_per_px = 0.1;

  /** @param {Venue} venue @param {Floor} floor @param {Words} words */
  constructor(venue, floor, words) {
    this.floor = floor;
    this.words = words;
    const here = (/** @type {{floor: string}} */ thing) => thing.floor === floor.name;
    const queues = venue.queues.filter(here);
    const heard = venue.receivers.filter(here).map(around);
    const walls = venue.walls.filter(here).flatMap(({ points }) => points.slice(1).map((point, index) => [points[index], point]));
    const clear = [...queues.flatMap((queue) => [queue.area, queue.counter]), ...heard, ...walls];
    this.root = svg('svg', { viewBox: `0 0 ${floor.width_m} ${floor.depth_m}`, role: 'group' });
    this.root.setAttribute('aria-label', words.t('staff.plan.label', { floor: floor.name }));
    this.root.append(
      svg('rect', { class: 'outline', width: floor.width_m, height: floor.depth_m }),
      ...venue.zones.filter(here).map((zone) => this.polygon(zone.polygon, 'zone')),
      ...queues.flatMap((queue) => this.queue(queue, heard)),
      ...venue.walls.filter(here).map((wall) => this.wall(wall.points)),
      ...venue.entrances.filter(here).map((entrance) => this.entrance(entrance)),
      ...venue.receivers.filter(here).map((receiver) => this.receiver(receiver)),
      // Below the labels: a dot may hide behind a figure, but no figure behind a dot.
      this.followed,
      ...venue.zones.filter(here).map((zone) => this.zone(zone, clear)),
      ...[...this.queues.values()].map(({ text }) => text),
    );
  }

  /** @param {Point} point @returns {Point}  y down, as screens have it */
  flip([x, y]) {
    return [x, this.floor.depth_m - y];
  }

  /** @param {Point[]} points @param {string} kind */
  polygon(points, kind) {
    return svg('polygon', { class: kind, points: points.map((point) => this.flip(point).join()).join(' ') });
  }

  /** @param {Point[]} points */
  wall(points) {
    return svg('polyline', { class: 'wall', points: points.map((point) => this.flip(point).join()).join(' ') });
  }

  /** @param {import('../shared/shapes.js').PlannedQueue} queue @param {Point[][]} clear */
  queue(queue, clear) {
    const title = svg('title', {}, queue.name);
    const shape = this.polygon(queue.area, 'queue');
    shape.append(title);
    const { x_m, y_m } = labelPlace(queue.area, clear);
    const [x, y] = this.flip([x_m, y_m]);
    const text = svg('text', { class: 'waiting', x, y, dy: '0.35em' });
    const xs = queue.area.map(([x]) => x);
    this.queues.set(queue.name, { shape, text, title, width_m: Math.max(...xs) - Math.min(...xs) });
    return [shape, this.polygon(queue.counter, 'counter')];
  }

  /** @param {import('../shared/shapes.js').Zone} zone @param {Point[][]} clear */
  zone(zone, clear) {
    const { x_m, y_m, room_m } = labelPlace(zone.polygon, clear);
    const [x, y] = this.flip([x_m, y_m]);
    const lines = ['name', 'count', 'interval'].map((kind) => svg('text', { class: kind, 'aria-hidden': true }));
    lines[0].textContent = zone.name;
    lines[1].append(svg('tspan', { class: 'about' }), svg('tspan'));
    const title = svg('title', {}, zone.name);
    // What is tapped lies over the text: a button of its own, whose words are a whole sentence.
    const hit = svg('rect', { class: 'hit', role: 'button', tabindex: 0, 'aria-label': zone.name });
    askable(hit, 'zone', zone.name);
    const box = svg('g', { transform: `translate(${x} ${y})`, 'data-zone': zone.name }, title, ...lines, hit);
    this.zones.set(zone.name, { box, lines, hit, title, room_m });
    return box;
  }

  /** @param {import('../shared/shapes.js').Entrance} entrance */
  entrance({ name, x_m, y_m }) {
    const [x, y] = this.flip([x_m, y_m]);
    const title = svg('title', {}, this.words.t('plan.entrance', { name }));
    const inwards = this.inwards(x, y);
    const arrow = svg('path', { class: 'entrance', d: 'M-7 -9L0 4L7 -9Z' }, title);
    return svg('g', { class: 'sized', 'data-at': `translate(${x} ${y})`, 'data-turn': inwards }, arrow);
  }

  /** The turn that points from the nearest outer wall into the floor. @param {number} x @param {number} y */
  inwards(x, y) {
    const { width_m, depth_m } = this.floor;
    const sides = [[y, 0], [width_m - x, 90], [depth_m - y, 180], [x, 270]];
    sides.sort(([a], [b]) => a - b);
    return sides[0][1];
  }

  /** @param {import('../shared/shapes.js').Receiver} receiver */
  receiver({ name, x_m, y_m }) {
    const [x, y] = this.flip([x_m, y_m]);
    const title = svg('title');
    const ring = svg('circle', { class: 'receiver', r: 6 }, title);
    const core = svg('circle', { class: 'receiver-core', r: 2 });
    this.receivers.set(name, { ring, title });
    return svg('g', { class: 'sized', 'data-at': `translate(${x} ${y})`, 'data-turn': 0 }, ring, core);
  }

  dotRadius() {
    return Math.min(DOT_PX * this.m_per_px, DOT_M_MAX);
  }

  /** @param {number} m_per_px */
  setScale(m_per_px) {
    this.m_per_px = m_per_px;
    this.root.style.setProperty('--px', String(m_per_px));
    for (const sized of this.root.querySelectorAll('.sized')) {
      const { at, turn } = /** @type {SVGElement} */ (sized).dataset;
      sized.setAttribute('transform', `${at} rotate(${turn}) scale(${m_per_px})`);
    }
    for (const dot of this.followed.querySelectorAll('circle')) dot.setAttribute('r', String(this.dotRadius()));
    for (const label of this.zones.values()) this.layOut(label);
  }

  /** As many lines as the zone has room for. @param {{lines: SVGTextElement[], hit: SVGRectElement, room_m: number}} label */
  layOut({ lines: [name, count, interval], hit, room_m }) {
    const px = this.m_per_px;
    const size = (/** @type {Element} */ line) => parseFloat(getComputedStyle(line).fontSize) || 12 * px;
    const [name_m, count_m, interval_m] = [size(name), size(count), size(interval)];
    const [with_name, with_interval] = [2 * room_m > name_m + count_m, 2 * room_m > name_m + count_m + interval_m];
    name.setAttribute('visibility', with_name ? 'visible' : 'hidden');
    interval.setAttribute('visibility', with_interval ? 'visible' : 'hidden');
    const height = count_m + (with_name ? name_m : 0) + (with_interval ? 1.25 * interval_m : 0);
    let y = -height / 2;
    if (with_name) name.setAttribute('y', String((y += name_m) - 0.15 * name_m));
    count.setAttribute('y', String((y += count_m) - 0.1 * count_m));
    interval.setAttribute('y', String(y + interval_m));
    const width = LABEL_WIDTH * count_m;
    for (const [key, value] of Object.entries({ x: -width / 2, y: -height / 2, width, height })) hit.setAttribute(key, String(value));
  }

  /** @param {Store} store */
  draw(store) {
    for (const [name, zone] of this.zones) this.drawZone(name, zone, store.zones.get(name));
    for (const [name, { shape, text, title, width_m }] of this.queues) {
      const queue = store.queues.get(name);
      const over = store.hasAlert('queue-over-limit', name);
      shape.classList.toggle('over', over);
      text.classList.toggle('over', over);
      say(text, queue ? this.queueLabel(queue, width_m) : '');
      const waiting = queue ? this.words.t('queue.waiting', { n: Math.round(queue.length) }) : '';
      say(title, `${name}: ${waiting}`);
    }
    for (const [name, { ring, title }] of this.receivers) {
      const silent = store.hasAlert('receiver-silent', name);
      ring.classList.toggle('silent', silent);
      say(title, this.words.t(silent ? 'plan.receiver.silent' : 'plan.receiver', { name }));
    }
    this.drawFollowed(store);
  }

  /**
   * @param {string} name
   * @param {{box: SVGGElement, lines: SVGTextElement[], hit: SVGRectElement, title: Element}} zone
   * @param {import('../shared/shapes.js').People | undefined} people
   */
  drawZone(name, { box, lines, hit, title }, people) {
    const [about, figure] = lines[1].children;
    if (!people) return say(figure, '–');
    const interval = this.words.interval(people.low, people.high);
    const count = this.words.count(people.people);
    box.dataset.people = String(people.people);
    say(about, `${this.words.t('plan.about')} `);
    say(figure, count);
    say(lines[2], interval);
    const told = this.words.t('plan.zone', { zone: name, n: count, interval });
    if (hit.getAttribute('aria-label') !== told) hit.setAttribute('aria-label', told);
    return say(title, told);
  }

  /** Length and, where there is room, the wait. @param {import('../shared/shapes.js').Queue} queue @param {number} width_m */
  queueLabel(queue, width_m) {
    const length = this.words.count(queue.length);
    if (queue.wait_s === null || width_m / this.m_per_px < QUEUE_LABEL_PX) return length;
    return this.words.t('queue.short', { n: length, wait: this.words.shortWait(queue.wait_s) });
  }

  /** @param {Store} store */
  drawFollowed(store) {
    const fixes = store.followed().filter((fix) => fix.floor === this.floor.name);
    const known = new Set(fixes.map((fix) => fix.who));
    for (const [who, dot] of this.dots) {
      if (!known.has(who)) {
        dot.remove();
        this.dots.delete(who);
      }
    }
    for (const { who, x_m, y_m } of fixes) {
      const [x, y] = this.flip([x_m, y_m]);
      const dot = this.dots.get(who) ?? svg('g', {}, svg('circle', { r: this.dotRadius() }, svg('title', {}, who)));
      // A style and not an attribute, for only styles move smoothly.
      dot.style.transform = `translate(${x}px, ${y}px)`;
      if (!this.dots.has(who)) this.followed.append(dot);
      this.dots.set(who, dot);
    }
  }

  /** The last minutes where the gateway tells them, else the mean of the window. @param {Store} store @param {Legend} legend */
  drawHeat(store, legend) {
    const known = store.heat.get(this.floor.name);
    const live = liveGrid(known?.running);
    const windows = live ? [] : windowsShown(known);
    drawHeat(/** @type {HTMLCanvasElement} */ (byId('heat')), live ?? meanGrid(windows), this.floor);
    legend.when(live !== null, windows[0]?.from_us);
  }
}

/** What colours and dots mean. */
class Legend {
  /** @param {Words} words */
  constructor(words) {
    this.words = words;
    this.time = html('span');
    this.dots = html('span', { hidden: true });
    this.dotsText = html('span');
    this.dots.append(html('span', { class: 'followed-dot', 'aria-hidden': true }), this.dotsText);
    const ramp = html('span', { class: 'ramp', 'aria-hidden': true });
    const stops = [0, 0.1, 0.3, 1].map((share) => `rgb(var(--heat) / ${opacity(share * DENSITY_FULL)}) ${100 * share}%`);
    ramp.style.background = `linear-gradient(to right, ${stops.join(', ')})`;
    const scale = html('span', { class: 'scale' }, words.t('heat.legend'), ' 0', ramp, words.count(10 * DENSITY_FULL));
    byId('legend').append(scale, this.time, this.dots);
  }

  /** @param {boolean} live @param {number | undefined} from_us */
  when(live, from_us) {
    const since = from_us === undefined ? '' : this.words.t('heat.since', { time: this.words.time(from_us) });
    say(this.time, live ? this.words.t('heat.live') : since);
  }

  /** @param {number} count */
  followed(count) {
    this.dots.hidden = count === 0;
    say(this.dotsText, this.words.t('plan.followed', { n: count }));
  }
}
