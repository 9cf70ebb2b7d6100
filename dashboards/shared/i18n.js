// Every word the pages show, and how numbers read in each language.
// In: a key with values to fill in. Out: text in the reader's language, English where it has none.
// Refuses: keys that do not exist, by showing the key, so that a gap is seen at once.

const en = {
  "about": "about {n}",
  "range": "{low}–{high}",
  "people": { one: "{n} person", other: "{n} people" },
  "about-people": { one: "about {n} person", other: "about {n} people" },
  "interval": "between {low} and {high}",
  "minutes": "{n} min",
  "minutes-range": "{low}–{high} min",
  "under-a-minute": "under 1 min",
  "seconds-ago": "{n} s ago",
  "minutes-ago": "{n} min ago",
  "percent-off": "{n} % off",

  "staff.title": "Venue live",
  "staff.in-the-venue": "in the venue",
  "staff.loading": "Loading …",
  "staff.no-figures": "No figures yet. They come as soon as the receivers hear somebody.",
  "staff.no-javascript": "This page needs JavaScript. The same figures are at /api/v1/state.",
  "staff.floor": "Floor",
  "staff.plan": "Floor plan",
  "staff.plan-label": "Floor plan of {floor} with people per zone. The same figures are in the table below it.",
  "staff.queues": "Queues",
  "staff.alerts": "What needs somebody",
  "staff.all-well": "Nothing needs attention.",
  "staff.offers": "Offers and redemptions",
  "staff.no-offers": "No offers yet.",
  "staff.no-queues": "The floor plan has no queues.",
  "staff.table": "Figures as a table",

  "fresh.live": "live",
  "fresh.connecting": "connecting …",
  "fresh.waiting": "waiting for figures",
  "fresh.old": "data is {n} s old",
  "fresh.old-minutes": "data is {n} min old",
  "fresh.lost": "Connection lost. The figures are no longer live; connecting again.",
  "fresh.back": "The figures are live again.",

  "receivers.all": { one: "{n} receiver, hearing", other: "{n} receivers, all hearing" },
  "receivers.some": "{n} of {all} receivers silent",
  "receivers.unknown": { one: "{n} receiver", other: "{n} receivers" },
  "receiver.hears": "hears",
  "receiver.silent": "silent",
  "receiver.unknown": "not heard yet",

  "queue.wait": "wait",
  "queue.wait-unknown": "Wait not known yet",
  "queue.empty": "nobody waiting",
  "queue.rising": "rising",
  "queue.falling": "falling",
  "queue.steady": "steady",
  "queue.over": "over its limit of {n} min",
  "queue.soon": "near its limit of {n} min",
  "queue.fine": "limit {n} min",
  "queue.outlook": "In 15 min: over {n} min {likely} ({percent})",
  "queue.flow": "{arrivals} come, {served} are served a minute",
  "queue.tills": { one: "{n} till", other: "{n} tills" },
  "queue.spark": "People in the queue over the last 30 minutes, now {now}, at most {most}",
  "queue.spark-span": "last 30 min, at most {most}",
  "likely.no": "is very unlikely",
  "likely.hardly": "is unlikely",
  "likely.maybe": "is possible",
  "likely.yes": "is likely",
  "likely.sure": "is very likely",

  "alert.queue-over-limit": "{place}: {wait} wait, limit {limit} min",
  "alert.queue-over-limit.do": "Open another till or send people elsewhere.",
  "alert.receiver-silent": "Receiver {place} hears nothing",
  "alert.receiver-silent.do": "Check its power, network and antenna. Figures near it are less certain.",
  "alert.model-unusable": "Offers go by rules alone",
  "alert.model-unusable.do": "The offer model is missing or was refused; have its file replaced.",
  "alert.since": "since {time}",

  "heat.legend": "people per m²",
  "heat.span": "average of the last {n} min",
  "heat.none": "no heat map yet",
  "legend.queue": "queue and counter",
  "legend.receiver": "receiver",
  "legend.silent": "silent receiver",
  "legend.entrance": "entrance",
  "legend.followed": "opted in",

  "table.zone": "Zone",
  "table.floor": "Floor",
  "table.people": "People",
  "table.from": "From",
  "table.to": "To",
  "table.devices": "Devices heard",
  "table.queue": "Queue",
  "table.wait": "Wait",
  "table.limit": "Limit",
  "table.trend": "Trend",
  "table.receiver": "Receiver",
  "table.state": "State",
  "table.note": "Intervals hold in nine cases of ten.",

  "offer.issued": "offered",
  "offer.redeemed": "used",
  "offer.expired": "ran out",
  "offer.refused": "refused at a till",
  "offer.at": "{percent} at {stand}",
  "offers.summary": "{redeemed} used, {issued} open, {expired} ran out",

  "refused.unknown-code": "No voucher has this code. Check it letter by letter.",
  "refused.already-redeemed": "This voucher has already been used.",
  "refused.expired": "This voucher is no longer valid.",
  "refused.wrong-stand": "This voucher is for another stand.",
  "refused.request-reused": "This request was made for another code. Press the button again.",
  "refused.invalid-request": "The code or the till's name is missing or too long.",
  "refused.budget-spent": "The budget of this campaign is spent.",

  "me.title": "Your offers",
  "me.hello": "Hello {name}",
  "me.waiting": "No offer right now.",
  "me.waiting-why": "When a queue near you is long and another is short, you will find a voucher here. Leave this page open.",
  "me.show": "Show this code at {stand}",
  "me.code-spoken": "Code: {code}",
  "me.left": "valid for {time}",
  "me.used": "Used",
  "me.used-text": "Enjoy! This voucher was used at {stand}.",
  "me.expired": "Ran out",
  "me.expired-text": "This voucher is no longer valid. The next one may come soon.",
  "me.history": "Earlier vouchers",
  "me.offline": "No connection to the venue. A code shown here stays valid until its time is over.",
  "me.about": "What the venue knows about you",
  "me.about-text": "Your name here, the beacon you carry, and your vouchers. Nothing leaves the venue. You can have it all erased at any time.",
  "me.forget": "Forget me",
  "me.forget-sure": "Erase everything?",
  "me.forget-text": "Your name, your beacon and all your vouchers are erased at once, also those you have not used. This cannot be undone.",
  "me.forget-yes": "Erase everything",
  "me.forget-no": "Keep it",
  "me.forgotten": "You are forgotten",
  "me.forgotten-text": "Everything about you has been erased. You are welcome to join again.",
  "me.join": "Join in",
  "me.join-text": "Get a few well-chosen vouchers when a queue is short. You can leave at any time, and everything is erased.",
  "me.name": "Name",
  "me.name-hint": "Any name you like, on this venue only",
  "me.beacon": "Wristband",
  "me.beacon-hint": "The identity printed on it; leave empty if you have none",
  "me.language": "Language of your offers",
  "me.join-button": "Join",
  "me.join-again": "Join again",

  "till.title": "Voucher check",
  "till.code": "Voucher code",
  "till.check": "Redeem",
  "till.checking": "Checking …",
  "till.name": "This till",
  "till.name-hint": "Name it like the stand, for example bar/2",
  "till.yes": "Yes",
  "till.no": "No",
  "till.error": "Not checked",
  "till.ready": "Type or scan a code",
  "till.redeemed": "{percent}",
  "till.redeemed-at": "{stand}, {campaign}",
  "till.short": "A code has {n} characters; this one has {typed}.",
  "till.since-used": "It was used at {time}.",
  "till.since-expired": "It ended at {time}.",
  "till.recent": "Last at this till",

  "error.offline": "No connection to the gateway.",
  "error.offline-mend": "Check the network and try again.",
  "error.other": "The gateway cannot answer now.",
  "error.retry": "Try again",
};

const de = {
  "about": "etwa {n}",
  "range": "{low}–{high}",
  "people": { one: "{n} Person", other: "{n} Personen" },
  "about-people": { one: "etwa {n} Person", other: "etwa {n} Personen" },
  "interval": "zwischen {low} und {high}",
  "minutes": "{n} min",
  "minutes-range": "{low}–{high} min",
  "under-a-minute": "unter 1 min",
  "seconds-ago": "vor {n} s",
  "minutes-ago": "vor {n} min",
  "percent-off": "{n} % Rabatt",

  "staff.title": "Halle live",
  "staff.in-the-venue": "in der Halle",
  "staff.loading": "Lädt …",
  "staff.no-figures": "Noch keine Zahlen. Sie kommen, sobald die Empfänger jemanden hören.",
  "staff.no-javascript": "Diese Seite braucht JavaScript. Dieselben Zahlen stehen unter /api/v1/state.",
  "staff.floor": "Ebene",
  "staff.plan": "Grundriss",
  "staff.plan-label": "Grundriss von {floor} mit Personen je Zone. Dieselben Zahlen stehen darunter in der Tabelle.",
  "staff.queues": "Schlangen",
  "staff.alerts": "Was jemanden braucht",
  "staff.all-well": "Nichts braucht Aufmerksamkeit.",
  "staff.offers": "Angebote und Einlösungen",
  "staff.no-offers": "Noch keine Angebote.",
  "staff.no-queues": "Der Grundriss hat keine Schlangen.",
  "staff.table": "Zahlen als Tabelle",

  "fresh.live": "live",
  "fresh.connecting": "verbindet …",
  "fresh.waiting": "wartet auf Zahlen",
  "fresh.old": "Stand vor {n} s",
  "fresh.old-minutes": "Stand vor {n} min",
  "fresh.lost": "Verbindung verloren. Die Zahlen sind nicht mehr live; verbindet erneut.",
  "fresh.back": "Die Zahlen sind wieder live.",

  "receivers.all": { one: "{n} Empfänger hört", other: "alle {n} Empfänger hören" },
  "receivers.some": "{n} von {all} Empfängern stumm",
  "receivers.unknown": { one: "{n} Empfänger", other: "{n} Empfänger" },
  "receiver.hears": "hört",
  "receiver.silent": "stumm",
  "receiver.unknown": "noch nicht gehört",

  "queue.wait": "Wartezeit",
  "queue.wait-unknown": "Wartezeit noch nicht bekannt",
  "queue.empty": "niemand wartet",
  "queue.rising": "steigt",
  "queue.falling": "sinkt",
  "queue.steady": "gleichbleibend",
  "queue.over": "über der Grenze von {n} min",
  "queue.soon": "nahe der Grenze von {n} min",
  "queue.fine": "Grenze {n} min",
  "queue.outlook": "In 15 min: über {n} min {likely} ({percent})",
  "queue.flow": "{arrivals} kommen, {served} werden je Minute bedient",
  "queue.tills": { one: "{n} Kasse", other: "{n} Kassen" },
  "queue.spark": "Personen in der Schlange in den letzten 30 Minuten, jetzt {now}, höchstens {most}",
  "queue.spark-span": "letzte 30 min, höchstens {most}",
  "likely.no": "sehr unwahrscheinlich",
  "likely.hardly": "unwahrscheinlich",
  "likely.maybe": "möglich",
  "likely.yes": "wahrscheinlich",
  "likely.sure": "sehr wahrscheinlich",

  "alert.queue-over-limit": "{place}: {wait} Wartezeit, Grenze {limit} min",
  "alert.queue-over-limit.do": "Weitere Kasse öffnen oder Gäste woandershin schicken.",
  "alert.receiver-silent": "Empfänger {place} hört nichts",
  "alert.receiver-silent.do": "Strom, Netz und Antenne prüfen. Zahlen in seiner Nähe sind unsicherer.",
  "alert.model-unusable": "Angebote folgen nur den Regeln",
  "alert.model-unusable.do": "Das Angebotsmodell fehlt oder wurde abgewiesen; seine Datei ersetzen lassen.",
  "alert.since": "seit {time}",

  "heat.legend": "Personen je m²",
  "heat.span": "Mittel der letzten {n} min",
  "heat.none": "noch keine Wärmekarte",
  "legend.queue": "Schlange und Theke",
  "legend.receiver": "Empfänger",
  "legend.silent": "stummer Empfänger",
  "legend.entrance": "Eingang",
  "legend.followed": "macht mit",

  "table.zone": "Zone",
  "table.floor": "Ebene",
  "table.people": "Personen",
  "table.from": "Von",
  "table.to": "Bis",
  "table.devices": "Geräte gehört",
  "table.queue": "Schlange",
  "table.wait": "Wartezeit",
  "table.limit": "Grenze",
  "table.trend": "Verlauf",
  "table.receiver": "Empfänger",
  "table.state": "Zustand",
  "table.note": "Die Spannen treffen in neun von zehn Fällen zu.",

  "offer.issued": "angeboten",
  "offer.redeemed": "eingelöst",
  "offer.expired": "abgelaufen",
  "offer.refused": "an einer Kasse abgewiesen",
  "offer.at": "{percent} bei {stand}",
  "offers.summary": "{redeemed} eingelöst, {issued} offen, {expired} abgelaufen",

  "refused.unknown-code": "Kein Gutschein hat diesen Code. Bitte Zeichen für Zeichen prüfen.",
  "refused.already-redeemed": "Dieser Gutschein wurde schon eingelöst.",
  "refused.expired": "Dieser Gutschein gilt nicht mehr.",
  "refused.wrong-stand": "Dieser Gutschein gilt an einem anderen Stand.",
  "refused.request-reused": "Diese Anfrage galt einem anderen Code. Bitte noch einmal drücken.",
  "refused.invalid-request": "Der Code oder der Name der Kasse fehlt oder ist zu lang.",
  "refused.budget-spent": "Das Budget dieser Aktion ist aufgebraucht.",

  "me.title": "Deine Angebote",
  "me.hello": "Hallo {name}",
  "me.waiting": "Gerade kein Angebot.",
  "me.waiting-why": "Ist eine Schlange in deiner Nähe lang und eine andere kurz, findest du hier einen Gutschein. Lass diese Seite offen.",
  "me.show": "Zeig diesen Code bei {stand}",
  "me.code-spoken": "Code: {code}",
  "me.left": "gilt noch {time}",
  "me.used": "Eingelöst",
  "me.used-text": "Viel Freude! Dieser Gutschein wurde bei {stand} eingelöst.",
  "me.expired": "Abgelaufen",
  "me.expired-text": "Dieser Gutschein gilt nicht mehr. Vielleicht kommt bald der nächste.",
  "me.history": "Frühere Gutscheine",
  "me.offline": "Keine Verbindung zur Halle. Ein gezeigter Code gilt weiter, bis seine Zeit um ist.",
  "me.about": "Was die Halle von dir weiß",
  "me.about-text": "Deinen Namen hier, den Sender, den du trägst, und deine Gutscheine. Nichts verlässt die Halle. Du kannst jederzeit alles löschen lassen.",
  "me.forget": "Vergiss mich",
  "me.forget-sure": "Alles löschen?",
  "me.forget-text": "Dein Name, dein Sender und alle Gutscheine werden sofort gelöscht, auch die offenen. Das lässt sich nicht rückgängig machen.",
  "me.forget-yes": "Alles löschen",
  "me.forget-no": "Behalten",
  "me.forgotten": "Du bist vergessen",
  "me.forgotten-text": "Alles über dich ist gelöscht. Du kannst gern wieder mitmachen.",
  "me.join": "Mach mit",
  "me.join-text": "Bekomm ein paar gut gewählte Gutscheine, wenn eine Schlange kurz ist. Du kannst jederzeit gehen, dann wird alles gelöscht.",
  "me.name": "Name",
  "me.name-hint": "Ein beliebiger Name, nur für diese Halle",
  "me.beacon": "Armband",
  "me.beacon-hint": "Die aufgedruckte Kennung; leer lassen, wenn du keines hast",
  "me.language": "Sprache deiner Angebote",
  "me.join-button": "Mitmachen",
  "me.join-again": "Wieder mitmachen",

  "till.title": "Gutschein prüfen",
  "till.code": "Gutscheincode",
  "till.check": "Einlösen",
  "till.checking": "Prüft …",
  "till.name": "Diese Kasse",
  "till.name-hint": "Wie der Stand heißt, zum Beispiel bar/2",
  "till.yes": "Ja",
  "till.no": "Nein",
  "till.error": "Nicht geprüft",
  "till.ready": "Code eintippen oder scannen",
  "till.redeemed": "{percent}",
  "till.redeemed-at": "{stand}, {campaign}",
  "till.short": "Ein Code hat {n} Zeichen; dieser hat {typed}.",
  "till.since-used": "Er wurde um {time} eingelöst.",
  "till.since-expired": "Er galt bis {time}.",
  "till.recent": "Zuletzt an dieser Kasse",

  "error.offline": "Keine Verbindung zum Gateway.",
  "error.offline-mend": "Netz prüfen und noch einmal versuchen.",
  "error.other": "Das Gateway kann gerade nicht antworten.",
  "error.retry": "Noch einmal",
};

/** Languages with all their words. */
export const LANGUAGES = { en, de };

/** The reader's language: the first of the browser's that has its words here. */
export const language = pickLanguage(navigator.languages ?? [navigator.language]);

const words = LANGUAGES[language];
const plural = new Intl.PluralRules(language);
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat(language, { maximumSignificantDigits: 2 });
const clockTime = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });

function pickLanguage(wanted) {
  const known = wanted.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => tag in LANGUAGES);
  return known ?? "en";
}

/** Whether there are words for a key. */
export function has(key) {
  return key in words;
}

/** The words of a key, with values filled in; `n` decides between one and several. */
export function text(key, values = {}) {
  const found = words[key] ?? en[key] ?? key;
  const pattern = typeof found === "string" ? found : found[plural.select(Number(values.count ?? values.n))] ?? found.other;
  return pattern.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** A whole number as people write it here. */
export function count(value) {
  return whole.format(Math.round(value));
}

/** A small number with two digits that count. */
export function small(value) {
  return decimal.format(value);
}

/** A probability in whole percent; never a certainty that it is not. */
export function percent(probability) {
  return `${whole.format(Math.min(99, Math.max(1, Math.round(probability * 100))))} %`;
}

/** Time of day of an event time in microseconds. */
export function timeOfDay(atUs) {
  return clockTime.format(new Date(atUs / 1000));
}

/** A span of time left, as 4:05. */
export function countdown(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

/** Writes the page's fixed words: every element with `data-text`, `data-label` or `data-hint`. */
export function translatePage(titleKey) {
  document.documentElement.lang = language;
  document.title = text(titleKey);
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", text(node.dataset.label));
}
