// One voucher as its holder sees it.
// In: an offer of the API, the event time now. Out: a card with what it is worth, where, its code and the time
// left; later, that it was used or ran out. Refuses to show a code that no till would take any more.

import { element, setAttribute, setText } from "../shared/dom.js";
import { count, countdown, text } from "../shared/i18n.js";

/** Characters of a group of a code: five are read and typed without losing the place. */
const GROUP = 5;
/** From here on the time left is shown in the colour that asks to act. */
const SOON_S = 60;

/** The code in groups, as people read it aloud. */
export function grouped(code) {
  return code.match(new RegExp(`.{1,${GROUP}}`, "g"))?.join("-") ?? "";
}

/** How an offer stands at an event time; the page need not wait to be told that it ran out. */
export function stateAt(offer, nowUs) {
  return offer.state === "issued" && nowUs !== null && offer.expires_at_us <= nowUs ? "expired" : offer.state;
}

/** A card for an offer in a state. `fillTimeLeft` keeps it up to date. */
export function voucherCard(offer, state) {
  const parts = state === "issued" ? openParts(offer) : closedParts(offer, state);
  const code = state === "issued" ? offer.code : null;
  return element("article", { class: "card voucher", "data-offer-state": state, "data-offer-code": code, "data-voucher": offer.voucher }, ...parts);
}

function openParts(offer) {
  const code = grouped(offer.code);
  const spelled = text("me.code-spoken", { code: [...offer.code].join(" ") });
  return [
    element("p", { class: "worth" }, text("percent-off", { n: count(offer.percent) })),
    element("p", { class: "words" }, offer.text),
    element("p", { class: "show" }, text("me.show", { stand: offer.stand })),
    element("p", { class: "code", role: "img", "aria-label": spelled }, code),
    element("p", { class: "left", "aria-live": "off" }),
    element("progress", { max: 1, value: 1, "aria-hidden": "true" }),
  ];
}

function closedParts(offer, state) {
  const [word, sentence] = state === "redeemed" ? ["me.used", "me.used-text"] : ["me.expired", "me.expired-text"];
  return [
    element("p", { class: "state" }, text(word)),
    element("p", { class: "words" }, text(sentence, { stand: offer.stand })),
  ];
}

/** Writes the time left on a card of an open offer. */
export function fillTimeLeft(card, offer, nowUs) {
  const left = card.querySelector(".left");
  if (!left || nowUs === null) return;
  const seconds = (offer.expires_at_us - nowUs) / 1e6;
  setText(left, text("me.left", { time: countdown(seconds) }));
  setAttribute(left, "data-soon", seconds < SOON_S ? "yes" : "no");
  const share = (offer.expires_at_us - nowUs) / Math.max(1, offer.expires_at_us - offer.at_us);
  setAttribute(card.querySelector("progress"), "value", Math.min(1, Math.max(0, share)).toFixed(3));
}
