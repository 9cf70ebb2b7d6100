// Figures as people say them.
// In: lines of people and queues with the floor plan's limits. Out: "about 42", "6–8 min", "35–50", and how
// urgent a queue is. Refuses precision that the figures do not have: whole people, whole minutes.

import { count, text } from "../shared/i18n.js";

/** From this share of the limit on, a wait is near it. */
const NEAR_LIMIT_SHARE = 0.8;
/** From this chance on, a queue will need somebody soon. */
const LIKELY = 0.5;

/** "35–50", or one number where both are the same. */
export function range(low, high) {
  const [from, to] = [count(low), count(high)];
  return from === to ? from : text("range", { low: from, high: to });
}

/** "6–8 min"; null where the wait is not known. */
export function wait(line) {
  if (!line || line.wait_s === null || line.wait_s === undefined) return null;
  const low = Math.round((line.wait_low_s ?? line.wait_s) / 60);
  const high = Math.round((line.wait_high_s ?? line.wait_s) / 60);
  if (high < 1) return text("under-a-minute");
  if (low === high) return text("minutes", { n: count(low) });
  return text("minutes-range", { low: count(low), high: count(high) });
}

/** The likeliest wait alone, "7 min"; null where it is not known. */
export function shortWait(line) {
  if (!line || line.wait_s === null || line.wait_s === undefined) return null;
  return line.wait_s < 30 ? text("under-a-minute") : text("minutes", { n: count(line.wait_s / 60) });
}

/** "over" its limit, "soon" near it or likely to pass it, "fine"; also "fine" while nothing is known. */
export function urgency(line, queue) {
  if (!line || line.wait_s === null) return "fine";
  if (line.wait_s > queue.wait_limit_s) return "over";
  const isNear = line.wait_s > queue.wait_limit_s * NEAR_LIMIT_SHARE;
  return isNear || (line.p_wait_over_limit_15min ?? 0) >= LIKELY ? "soon" : "fine";
}

/** A probability as a word of the list of words. */
export function likely(probability) {
  const steps = [[0.1, "likely.no"], [0.35, "likely.hardly"], [0.65, "likely.maybe"], [0.9, "likely.yes"]];
  return text(steps.find(([below]) => probability < below)?.[1] ?? "likely.sure");
}
