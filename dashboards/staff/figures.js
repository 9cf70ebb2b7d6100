// Everything the staff page shows, in one place.
// In: the state object the stream begins with, then its lines. Out: the latest figures by name, and a call
// when something changed. Refuses to grow: lists hold what the gateway's own limits allow.

/** As many offers as the gateway keeps for a page. */
const OFFERS_MAX = 50;
/** Refusals at tills are only told as they happen; the latest few are enough to notice a pattern. */
const REFUSALS_MAX = 10;
/** A position older than this is no longer where somebody is; the gateway's own limit. */
const FOLLOWED_FOR_US = 60_000_000;
/** A heat window younger than this says little; the one before it is added. */
const HEAT_YOUNG_US = 120_000_000;

export class Figures {
  #changed;

  /** `changed()` is called after anything changed. */
  constructor(changed) {
    this.#changed = changed;
    this.refusals = [];
    this.#clear();
  }

  #clear() {
    this.atUs = null;
    this.ageS = null;
    this.venue = null;
    this.zones = new Map();
    this.queues = new Map();
    this.heat = new Map();
    this.alerts = new Map();
    this.offers = [];
    this.followed = new Map();
    this.receivers = new Map();
  }

  /** Begins anew with everything the gateway knows. */
  replace(state) {
    this.#clear();
    this.ageS = state.age_s;
    for (const receiver of state.receivers ?? []) this.receivers.set(receiver.receiver, receiver.state);
    const lines = [state.venue, state.zones, state.queues, state.heat, state.alerts, state.fixes].flat();
    for (const line of lines) if (line) this.#take(line);
    this.offers = state.offers ?? [];
    this.atUs = state.at_us ?? this.atUs;
    this.#changed();
  }

  /** Takes one line of the stream. */
  apply(line) {
    if (!line) return;
    this.#take(line);
    this.#changed();
  }

  /** The heat of a floor worth showing: the running window, with the one before while it is young. */
  heatOf(floor) {
    const { running, before } = this.heat.get(floor) ?? {};
    if (!running || !before) return running ?? before ?? null;
    const isYoung = running.to_us - running.from_us < HEAT_YOUNG_US;
    const isSameGrid = running.columns === before.columns && running.rows === before.rows;
    if (!isYoung || !isSameGrid) return running;
    return { ...running, from_us: before.from_us, cells: [...before.cells, ...running.cells] };
  }

  #take(line) {
    const take = this.#kinds[line.kind];
    if (!take) return;
    take(line);
    const atUs = line.at_us ?? line.to_us;
    if (atUs > (this.atUs ?? 0)) this.atUs = atUs;
  }

  #kinds = {
    people: (line) => {
      if (line.zone === null) this.venue = line;
      else this.zones.set(line.zone, line);
    },
    queue: (line) => this.queues.set(line.queue, line),
    heat: (line) => {
      const known = this.heat.get(line.floor) ?? {};
      this.heat.set(line.floor, line.closed ? { before: line } : { ...known, running: line });
    },
    alert: (line) => this.#alert(line),
    offer: (line) => {
      if (this.offers.some((known) => known.voucher === line.voucher)) return;
      this.offers = [{ ...line, state: "issued" }, ...this.offers].slice(0, OFFERS_MAX);
    },
    voucher: (line) => this.#voucher(line),
    fix: (line) => {
      this.followed.set(line.who, line);
      for (const [who, fix] of this.followed) {
        if (line.at_us - fix.at_us > FOLLOWED_FOR_US) this.followed.delete(who);
      }
    },
  };

  #alert(line) {
    const key = `${line.alert} ${line.place}`;
    if (line.active) this.alerts.set(key, line);
    else this.alerts.delete(key);
    if (line.alert === "receiver-silent") this.receivers.set(line.place, line.active ? "silent" : "hears");
  }

  #voucher(line) {
    if (line.state === "refused") {
      this.refusals = [line, ...this.refusals].slice(0, REFUSALS_MAX);
      return;
    }
    const change = (offer) => ({ ...offer, state: line.state, changed_at_us: line.at_us });
    this.offers = this.offers.map((offer) => (offer.voucher === line.voucher ? change(offer) : offer));
  }
}
