/**
 * A stream of server-sent events that comes back by itself.
 *
 * In: an address and what to do with each event. Out: events, and whether the stream is alive. A browser
 * reconnects by itself after a network error, but not after a refusal and not when a stream stands still
 * with the connection open; this does all three. It refuses to hammer: pauses grow up to a limit.
 */

/** First and longest wait before connecting again. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 15_000;

/**
 * @typedef {object} Handlers
 * @property {(name: string, data: any) => void} event  a named event; '' for one without a name
 * @property {(alive: boolean) => void} [alive]
 */

/**
 * Watches a stream until the page is left, or until what it returns is called.
 * @param {string} url
 * @param {string[]} names  of the events to expect
 * @param {number} silence_ms_max  without any event for this long, the stream counts as dead
 * @param {Handlers} handlers
 * @returns {() => void}
 */
export function watch(url, names, silence_ms_max, handlers) {
  /** @type {EventSource | undefined} */
  let source;
  let retry_ms = RETRY_MS;
  let silence = 0;
  let again = 0;

  const heard = () => {
    clearTimeout(silence);
    silence = window.setTimeout(lost, silence_ms_max);
  };

  const lost = () => {
    clearTimeout(silence);
    source?.close();
    handlers.alive?.(false);
    // Tablets that lost the same Wi-Fi do not all come back in the same moment.
    clearTimeout(again);
    again = window.setTimeout(open, retry_ms * (0.75 + Math.random() / 2));
    retry_ms = Math.min(2 * retry_ms, RETRY_MS_MAX);
  };

  /** @param {string} name @param {MessageEvent} event */
  const take = (name, event) => {
    heard();
    retry_ms = RETRY_MS;
    handlers.alive?.(true);
    handlers.event(name, JSON.parse(event.data));
  };

  const open = () => {
    source = new EventSource(url);
    source.onmessage = (event) => take('', event);
    for (const name of names) {
      source.addEventListener(name, (event) => take(name, /** @type {MessageEvent} */ (event)));
    }
    source.onerror = lost;
    heard();
  };

  open();
  return () => {
    clearTimeout(silence);
    clearTimeout(again);
    source?.close();
  };
}
