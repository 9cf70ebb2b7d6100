// An attendee's page shows her voucher, which a till takes once.
// In: a running gateway and the environment `ATTENDEE`. Out: one JSON line: whether the code of the offer in
// the API is on the page, what the till said the first and the second time, whether the code has gone, and
// the log.

import { finish, json, open, poll, url } from "./page.mjs";

const attendee = encodeURIComponent(process.env.ATTENDEE);
const { browser, page, log } = await open(`/me?attendee=${attendee}`);

/** The page's letters and digits: codes are shown in groups. */
const letters = async () => (await page.evaluate(() => document.body.innerText)).replace(/[^0-9A-Za-z]/g, "");

async function redeem(code, request_id) {
  const body = JSON.stringify({ code, till: "till-1", request_id });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/api/v1/vouchers/redeem`, { method: "POST", headers, body });
  return { status: response.status, ...(await response.json()) };
}

const result = { shown: false, first: null, second: null, gone: false };
const offer = await poll(60_000, async () => {
  const { offers } = await json(`/api/v1/attendees/${attendee}/offers`);
  const open = offers.find((offer) => offer.state === "issued");
  return open && (await letters()).includes(open.code) ? open : null;
});
if (offer) {
  result.shown = true;
  result.first = await redeem(offer.code, "browser-1");
  result.second = await redeem(offer.code, "browser-2");
  result.gone = Boolean(await poll(10_000, async () => !(await letters()).includes(offer.code)));
}
await finish(browser, { ...result, ...log });
