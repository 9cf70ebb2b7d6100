/**
 * The page of what was: reads the range that is asked for, and hands it to the views.
 *
 * In: the form, the API. Out: the page. It refuses to mix two questions: an answer that comes after a newer question
 * was asked is not shown.
 */

import { byId, html, say } from '../shared/elements.js';
import { fetched } from '../shared/fetched.js';
import { Words } from '../shared/i18n/words.js';
import { markMoment } from './curves.js';
import { showFlow } from './flow.js';
import { Maps } from './maps.js';
import { showPeople } from './people.js';
import { showQueue } from './queues.js';
import { chooseRange, keepInAddress, rangesOf } from './range.js';

/** @typedef {import('../shared/shapes.js').Venue} Venue */
/** @typedef {import('./range.js').Ranges} Ranges */

/** Curves that a moment of the map is marked in. */
const MARKED = ['people', 'length', 'wait', 'chance'];

class Page {
  /** @param {Venue} venue @param {Words} words */
  constructor(venue, words) {
    this.venue = venue;
    this.words = words;
    this.maps = new Maps(venue, words, (at_us) => this.mark(at_us));
    /** @type {Ranges | null} */
    this.ranges = null;
    this.now_us = 0;
    this.asked = 0;
    this.fill('floor', venue.floors.map(({ name }) => [name, name]));
    this.fill('zone', [['', words.t('table.total')], ...venue.zones.map(({ name }) => /** @type {[string, string]} */ ([name, name]))]);
    this.fill('queue', venue.queues.map(({ name }) => [name, name]));
    byId('floor-pick').hidden = venue.floors.length < 2;
    byId('queue-part').hidden = venue.queues.length === 0;
  }

  /** @param {string} id @param {[string, string][]} options */
  fill(id, options) {
    const select = /** @type {HTMLSelectElement} */ (byId(id));
    select.append(...options.map(([value, text]) => html('option', { value }, text)));
    const asked = new URLSearchParams(location.search).get(id);
    if (asked !== null && options.some(([value]) => value === asked)) select.value = asked;
    select.addEventListener('change', () => this.load());
  }

  /** @param {string} id */
  chosen(id) {
    return /** @type {HTMLSelectElement} */ (byId(id)).value;
  }

  /** Everything anew, up to now. */
  async show() {
    this.now_us = (await fetched('/api/v1/time').catch(() => ({ at_us: Date.now() * 1000 }))).at_us;
    this.ranges = rangesOf(this.now_us);
    if (this.ranges) return this.load();
    return this.complain(this.words.t('history.no-range'));
  }

  /** What is chosen, of the ranges there are. */
  async load() {
    if (!this.ranges) return;
    const ranges = this.ranges;
    this.asked += 1;
    const asked = this.asked;
    say(byId('status'), this.words.t('history.loading'));
    document.body.dataset.state = 'loading';
    const [floor, zone, queue] = ['floor', 'zone', 'queue'].map((id) => this.chosen(id));
    keepInAddress({ floor, zone, queue });
    const planned = this.venue.queues.find(({ name }) => name === queue);
    const parts = [
      this.maps.load(ranges, floor, this.now_us),
      showPeople(ranges, zone, this.words),
      showFlow(ranges, this.words),
      ...(planned ? [showQueue(ranges, planned, this.words)] : []),
    ];
    const answers = await Promise.allSettled(parts);
    if (asked !== this.asked) return;
    answers.forEach((answer) => answer.status === 'fulfilled' && answer.value());
    const failed = answers.some(({ status }) => status === 'rejected');
    document.body.dataset.state = failed ? 'failed' : 'ready';
    if (failed) return this.complain(this.words.t('history.failed'));
    byId('trouble').hidden = true;
    const shown = [ranges.first, ...(ranges.second ? [ranges.second] : [])];
    const text = shown.map(({ from_us, to_us }) => this.words.range(from_us, to_us)).join(` ${this.words.t('history.versus')} `);
    say(byId('shown'), text);
    say(byId('status'), this.words.t('history.shown', { range: text }));
    this.maps.draw();
  }

  /** @param {string} text */
  complain(text) {
    byId('trouble').hidden = false;
    say(byId('trouble'), text);
    document.body.dataset.state = 'failed';
  }

  /** @param {number | null} at_us */
  mark(at_us) {
    MARKED.forEach((id) => markMoment(byId(id), at_us));
  }
}

/** Pause before asking again for the floor plan, ms. */
const AGAIN_AFTER_MS = 3_000;

async function start() {
  const words = await Words.load();
  /** @type {Venue | undefined} */
  let venue;
  while (!venue) {
    venue = await fetched('/api/v1/venue').catch(() => undefined);
    if (venue) break;
    byId('trouble').hidden = false;
    say(byId('trouble'), words.t('staff.unreachable'));
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
  }
  byId('trouble').hidden = true;
  byId('venue').textContent = venue.name;
  document.title = `${venue.name} · ${words.t('history.title')}`;
  const page = new Page(venue, words);
  chooseRange(words, () => page.show());
  byId('print').addEventListener('click', () => window.print());
  await page.show();
}

start();
