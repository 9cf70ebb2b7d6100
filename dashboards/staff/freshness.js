/**
 * How old the figures are: a quiet line that turns loud when they are too old.
 *
 * In: pulses, and whether the stream is alive. Out: the age in words. Old means: the stream stands still, or a
 * report is five seconds overdue. It refuses to look live when it is not.
 */

import { byId, say } from '../shared/elements.js';

/** @typedef {import('../shared/store.js').Store} Store */
/** @typedef {import('../shared/i18n/words.js').Words} Words */

/** A report may be this late before the figures count as old, seconds. */
const OVERDUE_S = 5;

/** @param {Store} store @param {Words} words */
export function showFreshness(store, words) {
  let was_stale = false;

  const draw = () => {
    const { age_s, state } = judge(store);
    const stale = state === 'lost' || state === 'stalled';
    byId('fresh').classList.toggle('stale', stale);
    byId('board').classList.toggle('stale', stale);
    say(byId('fresh-text'), words.t(`fresh.${state}`, { age: words.age(age_s) }));
    // Spoken once when it changes, not each second.
    if (stale !== was_stale) say(byId('fresh-said'), words.t(stale ? `fresh.${state}` : 'fresh.back', { age: words.age(age_s) }));
    was_stale = stale;
  };

  store.draw((changed) => changed.has('pulse') && draw());
  setInterval(draw, 500);
  draw();
}

/** @param {Store} store @returns {{age_s: number, state: 'waiting' | 'age' | 'lost' | 'stalled'}} */
function judge(store) {
  const since_pulse_s = (performance.now() - store.pulse_at_ms) / 1000;
  const age_s = (store.pulse?.age_s ?? 0) + since_pulse_s;
  if (!store.pulse) return { age_s: since_pulse_s, state: since_pulse_s > OVERDUE_S ? 'lost' : 'waiting' };
  if (!store.alive) return { age_s, state: 'lost' };
  if (store.pulse.age_s === null) return { age_s, state: 'waiting' };
  const due_s = (store.pulse.report_every_s ?? 0) + OVERDUE_S;
  return { age_s, state: age_s > due_s ? 'stalled' : 'age' };
}
