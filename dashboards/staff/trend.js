/**
 * Whether a queue grows.
 *
 * In: minutes of its length. Out: rising, falling or steady. It refuses a word where too little is known. The last
 * three minutes against the three that began eight minutes ago: long enough that one group is no trend, short enough
 * to open a till in time.
 */

/** @typedef {import('../shared/shapes.js').QueueMinute} QueueMinute */

const SPAN_MINUTES = 3;
const APART_MINUTES = 5;
/** Smaller changes than this are noise of the estimate. */
const PEOPLE_MIN = 2;
const SHARE_MIN = 0.2;

/** @param {QueueMinute[]} minutes @returns {'rising' | 'falling' | 'steady' | undefined} */
export function trend(minutes) {
  const now = minutes.slice(-SPAN_MINUTES);
  const before = minutes.slice(-SPAN_MINUTES - APART_MINUTES, -APART_MINUTES);
  if (before.length === 0) return undefined;
  const mean = (/** @type {QueueMinute[]} */ some) => some.reduce((sum, one) => sum + one.length_mean, 0) / some.length;
  const change = mean(now) - mean(before);
  if (Math.abs(change) < Math.max(PEOPLE_MIN, SHARE_MIN * mean(before))) return 'steady';
  return change > 0 ? 'rising' : 'falling';
}
