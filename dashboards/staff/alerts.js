/**
 * Alerts, those that most need somebody first.
 *
 * In: what holds now. Out: a sentence each, with what to do. An alert keeps its element while it holds, so that a
 * screen reader reads it once. It refuses to be empty: that nothing is wrong is said too.
 */

import { byId, html } from '../shared/elements.js';

/** @typedef {import('../shared/store.js').Store} Store */
/** @typedef {import('../shared/shapes.js').Alert} Alert */
/** @typedef {import('../shared/shapes.js').Venue} Venue */
/** @typedef {import('../shared/i18n/words.js').Words} Words */

/** @param {Store} store @param {Venue} venue @param {Words} words */
export function showAlerts(store, venue, words) {
  const list = byId('alerts');
  const calm = html('li', { class: 'calm' }, words.t('staff.alerts.none'));
  /** @type {Map<string, HTMLLIElement>} */
  const shown = new Map();

  store.draw((changed) => {
    if (!changed.has('alerts')) return;
    const alerts = store.alertsInOrder();
    const keys = new Set(alerts.map((alert) => `${alert.alert} ${alert.place}`));
    for (const [key, item] of shown) {
      if (!keys.has(key)) {
        item.remove();
        shown.delete(key);
      }
    }
    alerts.forEach((alert, index) => {
      const key = `${alert.alert} ${alert.place}`;
      const item = shown.get(key) ?? entry(alert, venue, words);
      shown.set(key, item);
      if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
    });
    if (alerts.length === 0) list.append(calm);
    else calm.remove();
  });
}

/** @param {Alert} alert @param {Venue} venue @param {Words} words */
function entry(alert, venue, words) {
  const limit_s = venue.queues.find((queue) => queue.name === alert.place)?.wait_limit_s ?? 0;
  const key = `alert.${alert.alert}`;
  const known = key in words.messages;
  const title = known ? words.t(key, { place: alert.place, minutes: Math.round(limit_s / 60) }) : alert.text;
  const act = known ? words.t(`${key}.act`) : '';
  const since = words.t('alert.since', { time: words.time(alert.at_us) });
  return html('li', {}, html('strong', {}, title), html('span', {}, act), html('span', { class: 'since soft' }, since));
}
