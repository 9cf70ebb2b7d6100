// Event time on a page.
// In: event times as the gateway says them. Out: the event time now, which in a demo runs faster than the
// wall clock; how fast is measured. Refuses to guess before the first word.

/** Words over this long are enough to see how fast event time passes; older ones say nothing of now. */
const SEEN_MS_MIN = 2_000;
const SEEN_MS_MAX = 30_000;
/** The gateway's own limits on the speed of a demo; anything beyond is a jump, not a speed. */
const SPEED_MIN = 0.1;
const SPEED_MAX = 60;

export class EventClock {
  #heard = [];
  #speed = 1;

  /** The gateway has just said that this is the event time now. */
  observe(nowUs) {
    if (!Number.isFinite(nowUs)) return;
    const last = { nowUs, heardMs: performance.now() };
    this.#heard.push(last);
    while (last.heardMs - this.#heard[0].heardMs > SEEN_MS_MAX) this.#heard.shift();
    const first = this.#heard[0];
    const passedMs = last.heardMs - first.heardMs;
    if (passedMs < SEEN_MS_MIN) return;
    const speed = (last.nowUs - first.nowUs) / 1000 / passedMs;
    if (speed >= SPEED_MIN && speed <= SPEED_MAX) this.#speed = speed;
  }

  /** Event time now, microseconds; null before the first word. */
  nowUs() {
    const last = this.#heard.at(-1);
    return last ? last.nowUs + (performance.now() - last.heardMs) * 1000 * this.#speed : null;
  }
}
