// Redeeming at a till.
// In: a code, the till's name. Out: a big yes, a big no with the reason in words, or that it was not checked.
// Refuses to redeem twice by accident: a request that got no answer is repeated under the same identity, so
// the gateway gives the first answer again.

import { read, send } from "../shared/api.js";
import { byId, element, setText } from "../shared/dom.js";
import { count, has, text, timeOfDay, translatePage } from "../shared/i18n.js";
import { CODE_LEN, bare, grouped, tidyField } from "./code.js";

const NAME_KEPT_AS = "till-name";
const RECENT_MAX = 5;
const TONES = { redeemed: "good", refused: "bad" };

const field = byId("code");
const name = byId("till");
let unanswered = null;

/** An identity for a request. `crypto.randomUUID` is missing where the page comes over plain HTTP. */
function newIdentity() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The same identity for the same code until it is answered. */
function identityFor(code) {
  if (unanswered?.code !== code) unanswered = { code, identity: newIdentity() };
  return unanswered.identity;
}

async function redeem() {
  const code = bare(field.value);
  if (code.length !== CODE_LEN) {
    show("error", text("till.error"), text("till.short", { n: count(CODE_LEN), typed: count(code.length) }));
    return;
  }
  show("busy", text("till.checking"), "");
  byId("check").disabled = true;
  try {
    const body = { code, till: name.value.trim(), request_id: identityFor(code) };
    const { body: answer } = await send("POST", "/vouchers/redeem", body, [409]);
    unanswered = null;
    showAnswer(code, answer);
    field.value = "";
  } catch (failure) {
    const what = failure.status === 0 ? text("error.offline") : failure.message || text("error.other");
    show("error", text("till.error"), `${what} ${failure.mend || text("error.offline-mend")}`);
  } finally {
    byId("check").disabled = false;
    field.focus();
  }
}

function showAnswer(code, answer) {
  const isRedeemed = answer?.state === "redeemed";
  const words = isRedeemed ? worth(answer) : refusal(answer);
  show(isRedeemed ? "redeemed" : "refused", text(isRedeemed ? "till.yes" : "till.no"), words);
  remember(code, answer?.state ?? "refused");
}

function worth(answer) {
  return text("offer.at", { percent: text("percent-off", { n: count(answer.percent) }), stand: answer.stand });
}

function refusal(answer) {
  const key = `refused.${answer?.reason}`;
  const why = has(key) ? text(key) : answer?.message ?? text("error.other");
  const since = { "already-redeemed": "till.since-used", expired: "till.since-expired" }[answer?.reason];
  return since && answer.since_us ? `${why} ${text(since, { time: timeOfDay(answer.since_us) })}` : why;
}

function show(state, verdict, reason) {
  byId("result").dataset.state = state;
  setText(byId("verdict"), verdict);
  setText(byId("reason"), reason);
}

function remember(code, state) {
  const list = byId("recent");
  const row = element("li", {}, element("time", { class: "soft small" }, timeOfDay(Date.now() * 1000)), element("code", { class: "what" }, grouped(code)));
  row.append(element("span", { class: "chip", "data-tone": TONES[state] }, text(state === "redeemed" ? "till.yes" : "till.no")));
  list.prepend(row);
  while (list.children.length > RECENT_MAX) list.lastChild.remove();
  byId("recent-part").hidden = false;
}

/** Storage may be switched off; then the name is asked for again after a reload, and that is all. */
function kept(action) {
  try {
    return action(localStorage);
  } catch {
    return null;
  }
}

async function suggestStands() {
  const venue = await read("/venue").catch(() => ({ queues: [] }));
  byId("stands").replaceChildren(...venue.queues.map((queue) => element("option", { value: queue.name })));
}

translatePage("till.title");
name.value = kept((storage) => storage.getItem(NAME_KEPT_AS)) ?? "";
name.addEventListener("change", () => kept((storage) => storage.setItem(NAME_KEPT_AS, name.value.trim())));
field.addEventListener("input", () => tidyField(field));
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  redeem();
});
suggestStands();
field.focus();
