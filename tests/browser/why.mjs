// A tap on a figure says where it comes from, with the API's figures.
// In: a running gateway; a head count of the first zone was sent. Out: one JSON line: for the venue, a zone on the map
// by keyboard, and a queue, what the dialog said and what the API says; and the log.

import { finish, json, open, poll } from "./page.mjs";

const { browser, page, log } = await open("/");
const { zones, queues } = await json("/api/v1/venue");

/** The dialog's text once it has the answer, then closed. */
async function read() {
  await page.waitForSelector("#why[data-told]", { timeout: 10_000 });
  const text = await page.locator("#why").innerText();
  await page.keyboard.press("Escape");
  return text;
}

/** Asks until page and API speak of the same report. */
async function ask(open_dialog, path) {
  let last = null;
  const same = await poll(30_000, async () => {
    const before = await json(path);
    await open_dialog();
    last = { text: await read(), told: before };
    const after = await json(path);
    const stamp = (why) => (why.people ?? why.queue_state)?.at_us;
    return stamp(before) !== undefined && stamp(before) === stamp(after);
  });
  return { same: Boolean(same), ...last };
}

await page.waitForSelector("#venue-people:not([hidden])", { timeout: 30_000 });
const venue = await ask(() => page.locator("#venue-people").click(), "/api/v1/why");
const figure = page.locator(`g[data-zone="${zones[0].name}"] [data-why]`);
const by_key = async () => {
  await figure.focus();
  await page.keyboard.press("Enter");
};
const zone = await ask(by_key, `/api/v1/why?zone=${encodeURIComponent(zones[0].name)}`);
const card = page.locator(`#queues li[data-queue="${queues[0].name}"] [data-why]`);
const queue = await ask(() => card.click(), `/api/v1/why?queue=${encodeURIComponent(queues[0].name)}`);
await finish(browser, { venue, zone, queue, ...log });
