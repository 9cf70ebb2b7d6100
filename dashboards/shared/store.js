/**
 * What the staff page knows: one small store that every view draws from.
 *
 * In: the snapshot, lines of the stream, pulses. Out: figures by name, and a word to the views once a frame
 * about what changed. It refuses an older line where it has a newer one. Lists have limits, as on the gateway.
 */

/** @typedef {import('./shapes.js').State} State */
/** @typedef {import('./shapes.js').Line} Line */
/** @typedef {import('./shapes.js').Pulse} Pulse */
/** @typedef {import('./shapes.js').People} People */
/** @typedef {import('./shapes.js').Queue} Queue */
/** @typedef {import('./shapes.js').Heat} Heat */
/** @typedef {import('./shapes.js').Alert} Alert */
/** @typedef {import('./shapes.js').Fix} Fix */
/** @typedef {import('./shapes.js').Offer} Offer */
/** @typedef {import('./shapes.js').Voucher} Voucher */
/** @typedef {import('./shapes.js').QueueMinute} QueueMinute */
/** @typedef {import('./shapes.js').Health} Health */
/** @typedef {'people' | 'queues' | 'history' | 'heat' | 'alerts' | 'offers' | 'fixes' | 'health' | 'pulse'} Part */

/** An hour of minutes. */
const HISTORY_MINUTES = 60;
const MINUTE_US = 60_000_000;
/** Latest offers kept, as on the gateway. */
const OFFERS_MAX = 50;
/** Refusals at tills are only told as they happen; the latest few show a pattern. */
const REFUSALS_MAX = 10;
/** A position older than this is no longer where somebody is; the gateway's limit. */
const FIX_FOR_US = 60_000_000;
/** What staff must act on first. */
const ALERT_ORDER = ['queue-over-limit', 'receiver-silent', 'model-unusable'];

export class Store {
  /** @type {People | null} */
  venue = null;
  /** @type {Map<string, People>} */
  zones = new Map();
  /** @type {Map<string, Queue>} */
  queues = new Map();
  /** @type {Map<string, QueueMinute[]>} */
  history = new Map();
  /** Running and last ended window of each floor. @type {Map<string, {running?: Heat, ended?: Heat}>} */
  heat = new Map();
  /** @type {Map<string, Alert>} */
  alerts = new Map();
  /** Newest first. @type {Offer[]} */
  offers = [];
  /** Refusals at tills since the page began, newest first. @type {Voucher[]} */
  refusals = [];
  /** @type {Map<string, Fix>} */
  fixes = new Map();
  /** How other parts of the gateway are. @type {Health | null} */
  health = null;
  /** @type {Pulse | null} */
  pulse = null;
  /** When the pulse came, of `performance.now()`. */
  pulse_at_ms = 0;
  alive = false;

  /** @type {Set<Part>} */
  #changed = new Set();
  /** @type {((changed: Set<Part>) => void)[]} */
  #views = [];
  #frame = 0;

  /** @param {(changed: Set<Part>) => void} view  called once a frame with what changed */
  draw(view) {
    this.#views.push(view);
  }

  /** Everything anew. @param {State} state */
  snapshot(state) {
    this.venue = state.venue;
    this.zones = new Map(state.zones.map((zone) => [zone.zone ?? '', zone]));
    this.queues = new Map(state.queues.map((queue) => [queue.queue, queue]));
    this.alerts = new Map(state.alerts.map((alert) => [alertKey(alert), alert]));
    this.fixes = new Map(state.fixes.map((fix) => [fix.who, fix]));
    this.offers = state.offers;
    this.heat = new Map();
    state.heat.forEach((heat) => this.#heat(heat));
    this.health = state.health;
    for (const part of /** @type {Part[]} */ (['people', 'queues', 'heat', 'alerts', 'offers', 'fixes', 'health'])) {
      this.#say(part);
    }
  }

  /** One line of the stream. @param {Line} line */
  line(line) {
    switch (line.kind) {
      case 'people':
        if (line.zone === null) this.venue = newer(this.venue, line);
        else this.zones.set(line.zone, newer(this.zones.get(line.zone), line));
        return this.#say('people');
      case 'queue':
        this.queues.set(line.queue, newer(this.queues.get(line.queue), line));
        this.#remember(line);
        return this.#say('queues');
      case 'heat':
        this.#heat(line);
        return this.#say('heat');
      case 'alert':
        if (line.active) this.alerts.set(alertKey(line), line);
        else this.alerts.delete(alertKey(line));
        return this.#say('alerts');
      case 'fix':
        this.fixes.set(line.who, newer(this.fixes.get(line.who), line));
        return this.#say('fixes');
      case 'offer':
        // The line may be in the snapshot too.
        if (this.offers.some((offer) => offer.voucher === line.voucher)) return undefined;
        this.offers = [{ ...line, state: 'issued' }, ...this.offers].slice(0, OFFERS_MAX);
        return this.#say('offers');
      case 'voucher':
        if (line.state === 'refused') this.refusals = [line, ...this.refusals].slice(0, REFUSALS_MAX);
        else this.#change(line);
        return this.#say('offers');
      default:
        return undefined;
    }
  }

  /** How old the figures are. @param {Pulse} pulse */
  beat(pulse) {
    this.pulse = pulse;
    this.pulse_at_ms = performance.now();
    this.#say('pulse');
  }

  /** How the box is. @param {Health | null} health */
  setHealth(health) {
    this.health = health;
    this.#say('health');
  }

  /** @param {boolean} alive  whether the stream is */
  setAlive(alive) {
    if (this.alive === alive) return;
    this.alive = alive;
    this.#say('pulse');
  }

  /** Stored minutes of a queue. @param {string} queue @param {QueueMinute[]} minutes */
  setHistory(queue, minutes) {
    this.history.set(queue, minutes.slice(-HISTORY_MINUTES));
    this.#say('history');
  }

  /** Alerts in the order of who must act. @returns {Alert[]} */
  alertsInOrder() {
    const rank = (/** @type {Alert} */ alert) => (ALERT_ORDER.indexOf(alert.alert) + 9) % 9;
    return [...this.alerts.values()].sort((a, b) => rank(a) - rank(b) || a.at_us - b.at_us);
  }

  /** @param {string} alert @param {string} place */
  hasAlert(alert, place) {
    return this.alerts.has(`${alert} ${place}`);
  }

  /** Positions that are not too old. @returns {Fix[]} */
  followed() {
    const now_us = this.pulse?.at_us ?? 0;
    return [...this.fixes.values()].filter((fix) => fix.at_us > now_us - FIX_FOR_US);
  }

  /** @param {Voucher} change */
  #change({ voucher, state, at_us }) {
    const changed = (/** @type {Offer} */ offer) => ({ ...offer, state, changed_at_us: at_us });
    this.offers = this.offers.map((offer) => (offer.voucher === voucher ? changed(offer) : offer));
  }

  /** @param {Heat} heat */
  #heat(heat) {
    const known = this.heat.get(heat.floor) ?? {};
    if (heat.closed) this.heat.set(heat.floor, { ended: heat });
    else this.heat.set(heat.floor, { ...known, running: heat });
  }

  /** Adds a report to its minute. @param {Queue} queue */
  #remember(queue) {
    const minutes = this.history.get(queue.queue);
    if (!minutes) return;
    const minute_us = Math.floor(queue.at_us / MINUTE_US) * MINUTE_US;
    const last = minutes.at(-1);
    if (last && last.minute_us === minute_us) {
      last.length_mean = (last.length_mean * last.samples + queue.length) / (last.samples + 1);
      last.samples += 1;
    } else if (!last || last.minute_us < minute_us) {
      minutes.push({ minute_us, samples: 1, length_mean: queue.length });
      if (minutes.length > HISTORY_MINUTES) minutes.shift();
    }
    this.#say('history');
  }

  /** @param {Part} part */
  #say(part) {
    this.#changed.add(part);
    // A hidden page has no frames; it draws when it is looked at again.
    this.#frame ||= requestAnimationFrame(() => {
      const changed = this.#changed;
      this.#changed = new Set();
      this.#frame = 0;
      this.#views.forEach((view) => view(changed));
    });
  }
}

/** @param {Alert} alert */
function alertKey(alert) {
  return `${alert.alert} ${alert.place}`;
}

/**
 * @template {{at_us: number}} L
 * @param {L | null | undefined} known
 * @param {L} line
 * @returns {L}
 */
function newer(known, line) {
  return known && known.at_us > line.at_us ? known : line;
}
