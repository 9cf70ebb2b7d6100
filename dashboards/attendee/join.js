// Joining.
// In: a name, a language, perhaps the identity of a wristband. Out: a request to join, then the member's page.
// Refuses nothing by itself: the gateway decides, and its reason is shown.

import { send } from "../shared/api.js";
import { byId, element, setText } from "../shared/dom.js";
import { language, text } from "../shared/i18n.js";

/** Languages that campaigns are written in, by their own names. */
const OFFER_LANGUAGES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", it: "Italiano", nl: "Nederlands" };

/** Shows the form. */
export function offerToJoin() {
  byId("join").hidden = false;
  const options = Object.entries(OFFER_LANGUAGES).map(([tag, name]) => element("option", { value: tag, lang: tag }, name));
  const choice = byId("language");
  choice.replaceChildren(...options);
  choice.value = wantedLanguage();
  byId("join-form").addEventListener("submit", (event) => {
    event.preventDefault();
    join(event.target);
  });
}

function wantedLanguage() {
  const tag = navigator.language.toLowerCase().split("-")[0];
  return tag in OFFER_LANGUAGES ? tag : language;
}

async function join(form) {
  const attendee = form.elements.namedItem("name").value.trim();
  const beacon = byId("beacon").value.trim() || null;
  const failed = byId("join-failed");
  failed.hidden = true;
  try {
    await send("POST", "/attendees", { attendee, language: byId("language").value, beacon });
  } catch (failure) {
    setText(failed, `${failure.message || text("error.offline")} ${failure.mend || text("error.offline-mend")}`);
    failed.hidden = false;
    return;
  }
  location.assign(`/me?attendee=${encodeURIComponent(attendee)}`);
}
