/**
 * Event time, between the moments the gateway says it.
 *
 * In: now and then the event time. Out: the event time at any moment. It measures how fast event time runs,
 * because a demo runs faster than the wall clock. It refuses to guess before the first word.
 */

/** Words over this long are enough to see how fast event time runs; older ones say nothing of now. */
const SEEN_MS_MIN = 2_000;
const SEEN_MS_MAX = 30_000;
/** The gateway's limits on the speed of a demo; anything beyond is a clock that was set, not a speed. */
const SPEED_MIN = 0.1;
const SPEED_MAX = 60;

export class EventClock {
  /** @type {{now_us: number, at_ms: number}[]} */
  #told = [];
  #speed = 1;

  /** @param {number} now_us  as just said by the gateway */
  set(now_us) {
    const last = { now_us, at_ms: performance.now() };
    this.#told.push(last);
    while (last.at_ms - this.#told[0].at_ms > SEEN_MS_MAX) this.#told.shift();
    const first = this.#told[0];
    const passed_ms = last.at_ms - first.at_ms;
    if (passed_ms < SEEN_MS_MIN) return;
    const speed = (last.now_us - first.now_us) / 1_000 / passed_ms;
    if (speed >= SPEED_MIN && speed <= SPEED_MAX) this.#speed = speed;
  }

  /** @returns {number | undefined} */
  now_us() {
    const last = this.#told.at(-1);
    if (!last) return undefined;
    return last.now_us + (performance.now() - last.at_ms) * 1_000 * this.#speed;
  }
}
