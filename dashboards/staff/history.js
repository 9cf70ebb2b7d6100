// The last half hour of a queue.
// In: minutes from the gateway's history, then the queue's lines. Out: a series for the sparkline, and
// whether the queue is rising, falling or steady. Refuses a trend before there are minutes to compare.

const MINUTE_US = 60_000_000;
/** What the sparkline shows. */
export const MINUTES_SHOWN = 30;
/** The last two minutes are compared with the four before them: long enough that one person who leaves
    does not turn the arrow, short enough that staff see a rush begin. */
const RECENT_MINUTES = 2;
const EARLIER_MINUTES = 4;
/** A change of less than one person or a tenth is no trend. */
const CHANGE_PEOPLE_MIN = 1;
const CHANGE_SHARE_MIN = 0.1;

export class QueueHistory {
  #minutes = new Map();

  /** Takes minutes of `/api/v1/queues/{queue}/history`. */
  seed(rows) {
    for (const row of rows) {
      const minute = Math.floor(row.minute_us / MINUTE_US);
      const samples = row.samples ?? 1;
      const known = this.#minutes.get(minute);
      if (!known || known.samples < samples) this.#minutes.set(minute, { sum: row.length_mean * samples, samples });
    }
    this.#trim();
  }

  /** Takes a queue's line. */
  add(line) {
    const minute = Math.floor(line.at_us / MINUTE_US);
    const known = this.#minutes.get(minute) ?? { sum: 0, samples: 0 };
    // The page is told the same state again after it connects anew.
    if (known.atUs === line.at_us) return;
    this.#minutes.set(minute, { sum: known.sum + line.length, samples: known.samples + 1, atUs: line.at_us });
    this.#trim();
  }

  /** Pairs of minutes before now (0 is the current one) and mean length, oldest first. */
  series() {
    const last = Math.max(...this.#minutes.keys());
    const shown = [...this.#minutes].sort(([a], [b]) => a - b);
    return shown.map(([minute, { sum, samples }]) => [last - minute, sum / samples]);
  }

  /** "rising", "falling", "steady", or null while too little is known. */
  trend() {
    const series = this.series();
    const mean = (from, to) => {
      const within = series.filter(([age]) => age >= from && age < to).map(([, length]) => length);
      return within.length === 0 ? null : within.reduce((sum, length) => sum + length, 0) / within.length;
    };
    const recent = mean(0, RECENT_MINUTES);
    const earlier = mean(RECENT_MINUTES, RECENT_MINUTES + EARLIER_MINUTES);
    if (recent === null || earlier === null) return null;
    const change = recent - earlier;
    if (Math.abs(change) < Math.max(CHANGE_PEOPLE_MIN, earlier * CHANGE_SHARE_MIN)) return "steady";
    return change > 0 ? "rising" : "falling";
  }

  #trim() {
    const oldest = Math.max(...this.#minutes.keys()) - MINUTES_SHOWN;
    for (const minute of this.#minutes.keys()) if (minute < oldest) this.#minutes.delete(minute);
  }
}
