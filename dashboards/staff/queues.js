/**
 * Queues as what they are to people: how long one waits, how many stand there, whether it grows.
 *
 * In: queue states and their last minutes. Out: cards; the one that needs somebody first comes first. Places change
 * at most every few seconds, so that a card can be read before it moves. It refuses a wait nobody knows yet.
 */

import { byId, html, say, svg } from '../shared/elements.js';
import { trend } from './trend.js';
import { askable } from './why.js';

/** @typedef {import('../shared/store.js').Store} Store */
/** @typedef {import('../shared/shapes.js').Queue} Queue */
/** @typedef {import('../shared/shapes.js').QueueMinute} QueueMinute */
/** @typedef {import('../shared/shapes.js').PlannedQueue} PlannedQueue */
/** @typedef {import('../shared/shapes.js').Venue} Venue */
/** @typedef {import('../shared/i18n/words.js').Words} Words */

/** What the curve shows: long enough to see a rush begin, short enough to see it in. */
const SPARK_MINUTES = 30;
/** How long the order stays at least, ms. */
const ORDER_FOR_MS = 10_000;
/** The curve's height stands for at least this many people, so that one person is no mountain. */
const SPARK_PEOPLE_MIN = 10;
/** From this share of its limit on, or this chance to be over it soon, a queue is near its limit. */
const NEAR_SHARE = 0.8;
const NEAR_CHANCE = 0.5;
const ARROWS = { rising: '↗', falling: '↘', steady: '→' };

/** @param {Store} store @param {Venue} venue @param {Words} words */
export function showQueues(store, venue, words) {
  const list = byId('queues');
  const cards = venue.queues.map((planned) => new Card(planned, words));
  list.append(...cards.map((card) => card.item));
  if (cards.length === 0) list.append(html('li', { class: 'soft' }, words.t('staff.queues.none')));
  let ordered_at_ms = -Infinity;
  let over_before = '';

  store.draw((changed) => {
    if (!changed.has('queues') && !changed.has('history') && !changed.has('alerts')) return;
    cards.forEach((card) => card.draw(store));
    const over = cards.filter((card) => card.over).map((card) => card.name).join();
    const now_ms = performance.now();
    if (over === over_before && now_ms - ordered_at_ms < ORDER_FOR_MS) return;
    [over_before, ordered_at_ms] = [over, now_ms];
    cards.sort((a, b) => b.need - a.need || a.name.localeCompare(b.name));
    cards.forEach((card, index) => {
      if (list.children[index] !== card.item) list.insertBefore(card.item, list.children[index]);
    });
  });
}

class Card {
  over = false;
  /** How much this queue needs somebody; larger is more. */
  need = 0;

  /** @param {PlannedQueue} planned @param {Words} words */
  constructor(planned, words) {
    this.name = planned.name;
    this.words = words;
    this.limit_min = Math.round(planned.wait_limit_s / 60);
    this.limit_s = planned.wait_limit_s;
    this.flag = html('span', { class: 'flag' });
    this.wait = html('span', { class: 'wait' });
    this.waitWord = html('span', { class: 'soft' });
    this.people = html('button', { class: 'figure' });
    askable(this.people, 'queue', planned.name);
    this.range = html('span', { class: 'soft' });
    this.trend = html('span', { class: 'trend' });
    this.chance = html('p', { class: 'chance', title: words.t('queue.chance.full', { minutes: this.limit_min }) });
    this.spark = svg('svg', { class: 'spark', viewBox: `0 0 ${SPARK_MINUTES} 1`, preserveAspectRatio: 'none', role: 'img' });
    this.spark.setAttribute('aria-label', words.t('queue.history', { n: SPARK_MINUTES }));
    this.item = html(
      'li',
      { class: 'card', 'data-queue': planned.name },
      html('div', { class: 'head' }, html('h3', {}, planned.name), this.flag),
      html('div', { class: 'body' }, html('p', {}, this.wait, ' ', this.waitWord), this.spark),
      html('p', { class: 'length' }, this.people, this.range, this.trend),
      this.chance,
    );
  }

  /** @param {Store} store */
  draw(store) {
    const queue = store.queues.get(this.name);
    this.over = store.hasAlert('queue-over-limit', this.name);
    this.item.classList.toggle('over', this.over);
    if (!queue) return say(this.wait, this.words.t('queue.unknown'));
    this.need = need(queue, this.over, this.limit_s);
    const near = !this.over && isNear(queue, this.limit_s);
    say(this.flag, this.over ? this.words.t('queue.over') : near ? this.words.t('queue.near') : '');
    this.item.dataset.length = String(queue.length);
    if (queue.wait_s === null) delete this.item.dataset.waitS;
    else this.item.dataset.waitS = String(queue.wait_s);
    const count = Math.round(queue.length);
    const nobody = count === 0 && Math.round(queue.length_high) === 0;
    const history = store.history.get(this.name) ?? [];
    const way = nobody ? undefined : trend(history);
    say(this.wait, this.words.wait(queue));
    this.wait.classList.toggle('unknown', queue.wait_s === null);
    say(this.waitWord, queue.wait_s === null || this.words.isNoWait(queue) ? '' : this.words.t('wait.word'));
    say(this.people, nobody ? this.words.t('queue.nobody') : this.words.t('queue.about', { n: count }));
    say(this.range, nobody ? '' : this.words.interval(queue.length_low, queue.length_high));
    say(this.trend, way ? `${ARROWS[way]} ${this.words.t(`queue.${way}`)}` : '');
    this.drawChance(queue);
    drawSpark(this.spark, history, store.pulse?.at_us ?? queue.at_us);
    return undefined;
  }

  /** @param {Queue} queue */
  drawChance({ p_wait_over_limit: now, p_wait_over_limit_15min: later }) {
    const parts = [];
    if (now !== null) parts.push(`${this.words.probability(now)} ${this.words.t('queue.now')}`);
    if (later !== null) parts.push(`${this.words.probability(later)} ${this.words.t('queue.in15')}`);
    const title = this.words.t('queue.chance', { minutes: this.limit_min });
    const text = parts.length > 0 ? `${title}: ${parts.join(', ')}` : '';
    if (this.chance.textContent === text) return;
    this.chance.replaceChildren(...(text ? [`${title}: `, html('b', {}, parts.join(', '))] : []));
  }
}

/** @param {Queue} queue @param {number} limit_s */
function isNear({ wait_s, p_wait_over_limit_15min: later }, limit_s) {
  return (wait_s ?? 0) > NEAR_SHARE * limit_s || (later ?? 0) >= NEAR_CHANCE;
}

/**
 * Over the limit comes first, then the likeliest to be over soon, then the longest wait.
 * @param {Queue} queue @param {boolean} over @param {number} limit_s
 */
function need(queue, over, limit_s) {
  const likely = queue.p_wait_over_limit_15min ?? queue.p_wait_over_limit ?? 0;
  return Number(over) * 100 + likely * 10 + (queue.wait_s ?? 0) / limit_s;
}

/**
 * The last minutes, one point each, now at the right end.
 * @param {SVGSVGElement} spark @param {QueueMinute[]} history @param {number} now_us
 */
function drawSpark(spark, history, now_us) {
  const top = Math.max(SPARK_PEOPLE_MIN, ...history.map((minute) => minute.length_mean));
  const points = history
    .map((minute) => ({ x: SPARK_MINUTES - Math.floor((now_us - minute.minute_us) / 60e6), y: 1 - minute.length_mean / top }))
    .filter(({ x }) => x >= 0);
  const line = points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${Math.min(x, SPARK_MINUTES)} ${y.toFixed(3)}`).join('');
  const parts = [svg('path', { class: 'base', d: `M0 1H${SPARK_MINUTES}` })];
  if (points.length > 1) {
    parts.push(svg('path', { class: 'area', d: `${line}V1H${points[0].x}Z` }), svg('path', { class: 'line', d: line }));
  }
  spark.replaceChildren(...parts);
}
