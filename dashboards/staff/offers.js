// Recent offers, redemptions and refusals.
// In: the latest offers with their states, refusals as tills make them. Out: a list, the latest change first,
// and how many were used. Refuses to show whose an offer is, or its code.

import { element, matchChildren, setAttribute, setText } from "../shared/dom.js";
import { count, has, text, timeOfDay } from "../shared/i18n.js";

/** More than this is no longer recent. */
const ROWS_MAX = 12;
const TONES = { issued: "accent", redeemed: "good", expired: null, refused: "bad" };

/** Shows the list with its summary. */
export function showOffers(list, summary, figures) {
  const refusals = figures.refusals.map((refusal) => ({ ...refusal, changed_at_us: refusal.at_us, key: `${refusal.voucher} ${refusal.at_us}` }));
  const offers = figures.offers.map((offer) => ({ ...offer, key: offer.voucher }));
  const rows = [...offers, ...refusals].sort((a, b) => changedAt(b) - changedAt(a)).slice(0, ROWS_MAX);
  matchChildren(list, rows, (row) => row.key, newRow, fillRow);
  const number = (state) => count(figures.offers.filter((offer) => offer.state === state).length);
  const counts = { redeemed: number("redeemed"), issued: number("issued"), expired: number("expired") };
  setText(summary, figures.offers.length === 0 ? text("staff.no-offers") : text("offers.summary", counts));
}

function changedAt(row) {
  return row.changed_at_us ?? row.at_us;
}

function newRow() {
  return element("li", { class: "offer" }, element("time"), element("span", { class: "what" }), element("span", { class: "chip" }));
}

function fillRow(node, row) {
  const [time, what, chip] = node.children;
  setText(time, timeOfDay(changedAt(row)));
  setText(what, row.state === "refused" ? refusal(row) : offer(row));
  setText(chip, text(`offer.${row.state}`));
  setAttribute(chip, "data-tone", TONES[row.state]);
  setAttribute(node, "data-voucher", row.voucher);
  setAttribute(node, "data-state", row.state);
}

function offer(row) {
  return text("offer.at", { percent: text("percent-off", { n: count(row.percent) }), stand: row.stand });
}

function refusal(row) {
  const key = `refused.${row.reason}`;
  return `${row.stand ? `${row.stand}: ` : ""}${has(key) ? text(key) : row.reason ?? ""}`;
}
