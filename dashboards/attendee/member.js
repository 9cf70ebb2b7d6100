// The page of somebody who joined.
// In: her name, her offers, word that they changed. Out: the open voucher or a friendly wait, earlier ones,
// and the way out. Refuses to lose a code when the Wi-Fi does: what was shown stays until its time is over.

import { read, send } from "../shared/api.js";
import { EventClock } from "../shared/event-time.js";
import { byId, element, setText } from "../shared/dom.js";
import { count, text, timeOfDay } from "../shared/i18n.js";
import { LiveStream } from "../shared/live.js";
import { fillTimeLeft, stateAt, voucherCard } from "./voucher.js";

/** A voucher that was used or ran out stays in sight this long, event time, before it is history. */
const LINGER_US = 120_000_000;
/** Signs of life come every 5 s; after three missed ones the connection is gone. */
const OFFLINE_S = 16;
/** The countdown moves once a second; in a fast demo it is redrawn more often. */
const TICK_MS = 250;
const HISTORY_MAX = 20;
const TONES = { redeemed: "good" };

export class Member {
  #path;
  #clock = new EventClock();
  #offers = [];
  #shown = "";
  #stream;

  constructor(name) {
    this.#path = `/attendees/${encodeURIComponent(name)}`;
    byId("member").hidden = false;
    setText(byId("hello"), text("me.hello", { name }));
    this.#stream = new LiveStream(`/api/v1${this.#path}/live`, {
      offers: () => this.#fetch(),
      pulse: (pulse) => this.#clock.observe(pulse.now_us),
    });
    setInterval(() => this.#show(), TICK_MS);
    this.#offerTheWayOut();
    this.#fetch();
  }

  async #fetch() {
    const answer = await read(`${this.#path}/offers`).catch(() => null);
    if (!answer) return;
    this.#clock.observe(answer.now_us);
    this.#offers = answer.offers;
    this.#show();
  }

  #show() {
    const nowUs = this.#clock.nowUs();
    const offers = this.#offers.map((offer) => ({ ...offer, state: stateAt(offer, nowUs) }));
    const current = offers.find((offer) => offer.state === "issued") ?? offers.find((offer) => endedJustNow(offer, nowUs));
    const earlier = offers.filter((offer) => offer !== current && offer.state !== "issued").slice(0, HISTORY_MAX);
    // The card is announced to screen readers when it changes, so it must not change without reason.
    const shown = [current, ...earlier].map((offer) => `${offer?.voucher} ${offer?.state}`).join();
    if (shown !== this.#shown) this.#replace(current, earlier);
    this.#shown = shown;
    if (current?.state === "issued") fillTimeLeft(byId("now").firstChild, current, nowUs);
    const silentS = this.#stream.silentS();
    byId("offline").hidden = silentS === null ? this.#stream.connected || performance.now() < OFFLINE_S * 1000 : silentS < OFFLINE_S;
  }

  #replace(current, earlier) {
    byId("now").replaceChildren(current ? voucherCard(current, current.state) : waiting());
    byId("history-part").hidden = earlier.length === 0;
    byId("history").replaceChildren(...earlier.map(historyRow));
  }

  #offerTheWayOut() {
    const dialog = byId("sure");
    byId("forget").addEventListener("click", () => dialog.showModal());
    byId("forget-no").addEventListener("click", () => dialog.close());
    byId("forget-yes").addEventListener("click", () => this.#forget(dialog));
  }

  async #forget(dialog) {
    const failed = byId("forget-failed");
    try {
      await send("DELETE", this.#path);
    } catch (failure) {
      setText(failed, `${failure.message || text("error.offline")} ${failure.mend || text("error.offline-mend")}`);
      failed.hidden = false;
      return;
    }
    dialog.close();
    this.#stream.close();
    byId("member").remove();
    byId("forgotten").hidden = false;
    byId("forgotten").querySelector("h1").focus();
    // The name must not stay in the address.
    history.replaceState(null, "", "/me");
  }
}

function endedJustNow(offer, nowUs) {
  const endedUs = offer.state === "redeemed" ? offer.redeemed_at_us : offer.expires_at_us;
  return nowUs !== null && nowUs - endedUs < LINGER_US;
}

function waiting() {
  return element("div", { class: "card waiting", "data-offer-state": "none" }, element("strong", {}, text("me.waiting")), element("p", { class: "soft" }, text("me.waiting-why")));
}

function historyRow(offer) {
  const what = text("offer.at", { percent: text("percent-off", { n: count(offer.percent) }), stand: offer.stand });
  const at = offer.redeemed_at_us ?? offer.expires_at_us;
  return element(
    "li",
    { "data-voucher": offer.voucher, "data-state": offer.state },
    element("time", { class: "soft small" }, timeOfDay(at)),
    element("span", { class: "what" }, what),
    element("span", { class: "chip", "data-tone": TONES[offer.state] ?? null }, text(`offer.${offer.state}`)),
  );
}
