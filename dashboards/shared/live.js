// The stream of what is happening.
// In: server-sent events of one path. Out: calls to the page: the whole state, one line, a sign of life.
// Refuses to stay silent: a broken stream is opened again, and how long nothing came is always known.

/** Pauses before opening again, milliseconds; the last one repeats. */
const AGAIN_AFTER_MS = [500, 1_000, 2_000, 5_000];
/** The gateway says something at least every few seconds. After this long the connection is dead, whatever
    the browser believes, as when a tablet has changed its access point. */
const DEAD_AFTER_MS = 30_000;

export class LiveStream {
  #path;
  #listener;
  #source = null;
  #failures = 0;
  #again = 0;
  #checks = 0;
  #openedMs = 0;

  /** `listener` has `state(object)`, `line(object)`, `pulse(object)`, `stale()` for a missed part, and
      `offers()` where an attendee's offers changed; it needs only those its stream has. */
  constructor(path, listener) {
    this.#path = path;
    this.#listener = listener;
    this.heardMs = null;
    this.connected = false;
    this.#open();
    this.#checks = setInterval(() => this.#check(), 1_000);
  }

  /** Ends the stream for good. */
  close() {
    clearTimeout(this.#again);
    clearInterval(this.#checks);
    this.#source.close();
  }

  /** Seconds since anything came; null before the first. */
  silentS() {
    return this.heardMs === null ? null : (performance.now() - this.heardMs) / 1000;
  }

  #open() {
    clearTimeout(this.#again);
    this.#source?.close();
    const source = new EventSource(this.#path);
    this.#source = source;
    this.#openedMs = performance.now();
    source.onopen = () => {
      this.connected = true;
      this.#failures = 0;
    };
    source.onerror = () => this.#failed(source);
    const hear = (name, tell) => source.addEventListener(name, (event) => this.#hear(event.data, tell));
    hear("state", (state) => this.#listener.state?.(state));
    hear("message", (line) => this.#listener.line?.(line));
    hear("offers", () => this.#listener.offers?.());
    hear("pulse", (pulse) => this.#listener.pulse?.(pulse));
    hear("resync", () => this.#listener.stale?.());
  }

  #hear(data, tell) {
    this.heardMs = performance.now();
    let value = null;
    try {
      value = JSON.parse(data || "null");
    } catch {
      return;
    }
    tell(value);
  }

  #failed(source) {
    this.connected = false;
    source.close();
    const pause = AGAIN_AFTER_MS[Math.min(this.#failures, AGAIN_AFTER_MS.length - 1)];
    this.#failures += 1;
    // Fifty tablets must not come back in the same instant.
    this.#again = setTimeout(() => this.#open(), pause * (0.75 + Math.random() / 2));
  }

  #check() {
    const since = Math.max(this.heardMs ?? 0, this.#openedMs);
    if (this.connected && performance.now() - since > DEAD_AFTER_MS) this.#open();
  }
}
