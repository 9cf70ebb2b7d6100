/**
 * How many people are here: the line at the top, and the table that says what the map shows.
 *
 * In: people lines. Out: whole people with the interval that holds in nine cases of ten. It refuses decimals,
 * which the estimate does not have.
 */

import { byId, html, say } from '../shared/elements.js';
import { askable } from './why.js';

/** @typedef {import('../shared/store.js').Store} Store */
/** @typedef {import('../shared/shapes.js').People} People */
/** @typedef {import('../shared/shapes.js').Venue} Venue */
/** @typedef {import('../shared/i18n/words.js').Words} Words */

/** @param {Store} store @param {Venue} venue @param {Words} words */
export function showPeople(store, venue, words) {
  const figures = { strong: html('button', { id: 'venue-people', class: 'figure', hidden: true }), word: html('span'), interval: html('span', { class: 'soft' }) };
  askable(figures.strong, 'venue', '');
  byId('people').append(figures.strong, ' ', figures.word, ' ', figures.interval);
  const several = venue.floors.length > 1;
  /** @type {Map<string | null, HTMLElement[]>} */
  const cells = new Map();
  const row = (/** @type {string | null} */ zone, /** @type {string} */ name, /** @type {string} */ floor) => {
    const count = html('button', { class: 'figure' });
    askable(count, zone === null ? 'venue' : 'zone', zone ?? '');
    const [interval, devices] = [html('td'), html('td')];
    cells.set(zone, [count, interval, devices]);
    const figures = [html('td', {}, count), interval, devices];
    const floors = several ? [html('td', {}, floor)] : [];
    return html('tr', {}, html('th', { scope: 'row' }, name), ...floors, ...figures);
  };
  const keys = ['table.zone', ...(several ? ['table.floor'] : []), 'table.people', 'table.interval', 'table.devices'];
  const heads = keys.map((key) => html('th', { scope: 'col' }, words.t(key)));
  const rows = venue.zones.map((zone) => row(zone.name, zone.name, zone.floor));
  const total = row(null, words.t('table.total'), '');
  byId('table').append(
    html('table', {}, html('thead', {}, html('tr', {}, ...heads)), html('tbody', {}, ...rows), html('tfoot', {}, total)),
  );

  store.draw((changed) => {
    if (!changed.has('people')) return;
    header(figures, store.venue, words);
    for (const [zone, [count, interval, devices]] of cells) {
      const people = zone === null ? store.venue : store.zones.get(zone);
      say(count, people ? words.count(people.people) : '–');
      say(interval, people ? words.interval(people.low, people.high) : '–');
      say(devices, people ? words.count(people.devices) : '–');
    }
  });
}

/**
 * @param {{strong: HTMLElement, word: Element, interval: Element}} figures
 * @param {People | null} people
 * @param {Words} words
 */
function header(figures, people, words) {
  if (!people) return say(figures.word, words.t('staff.people.none'));
  figures.strong.hidden = false;
  figures.strong.dataset.people = String(people.people);
  say(figures.strong, words.count(people.people));
  say(figures.word, words.t('staff.people', { n: Math.round(people.people) }));
  return say(figures.interval, words.interval(people.low, people.high));
}
