// What the live page costs to load.
// In: a running gateway. Out: one JSON line: bytes over the wire of everything the first visit fetched (the stream as
// far as its snapshot), how many files, milliseconds to the first paint, what a second visit fetched anew, and the log.

import { finish, open, poll, url } from "./page.mjs";

const { browser, page, log } = await open("/till");
const client = await page.context().newCDPSession(page);
await client.send("Network.enable");
let bytes = 0;
let files = 0;
// What the browser had kept costs nothing; of a stream, which never ends, its data is counted as it is.
const kept = new Set();
const streams = new Set();
client.on("Network.requestServedFromCache", ({ requestId }) => kept.add(requestId));
client.on("Network.responseReceived", ({ requestId, response }) => {
  if (response.fromDiskCache) kept.add(requestId);
  if (response.mimeType === "text/event-stream") streams.add(requestId);
  if (!kept.has(requestId)) files += 1;
});
client.on("Network.dataReceived", ({ requestId, encodedDataLength, dataLength }) => {
  if (!kept.has(requestId)) bytes += streams.has(requestId) ? dataLength : encodedDataLength;
});

/** Bytes of one visit, until every view has its figures. */
async function visit() {
  [bytes, files] = [0, 0];
  await page.goto(`${url}/`);
  await page.waitForSelector("#queues li [data-why]", { timeout: 30_000 });
  await page.waitForSelector("#venue-people:not([hidden])", { timeout: 30_000 });
  const fetched = await poll(10_000, async () => (bytes > 0 ? { bytes, files } : null));
  const paint_ms = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null);
  return { ...fetched, paint_ms };
}

await client.send("Network.clearBrowserCache");
const first = await visit();
const second = await visit();
await finish(browser, { first, second, ...log });
