// What both browser scripts share: a headless browser on one page, with everything it asked for and
// everything it complained about.
// In: the environment `VENUE_URL` and `CHROMIUM`. Out: a page and its log. Refuses nothing by itself; the
// test that started the script judges the log.

import { chromium } from "playwright-core";

/** Where the gateway's pages are, without a slash at the end. */
export const url = process.env.VENUE_URL;

/** Opens a path and gives the page with what it asks for and complains about. */
export async function open(path) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    // Containers run as root and have little shared memory.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });
  const page = await browser.newPage({ locale: "en-GB", viewport: { width: 1400, height: 900 } });
  const log = { requests: [], complaints: [] };
  page.on("request", (request) => log.requests.push(request.url()));
  page.on("pageerror", (error) => log.complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && log.complaints.push(message.text()));
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "";
    // A stream that is open when the page closes ends this way.
    if (!why.includes("ERR_ABORTED")) log.complaints.push(`${request.url()}: ${why}`);
  });
  await page.goto(`${url}${path}`);
  return { browser, page, log };
}

/** Calls `look` until it gives something, for at most `within_ms`; else the last thing it said. */
export async function poll(within_ms, look) {
  const deadline = Date.now() + within_ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) return null;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** JSON of a path of the API. */
export async function json(path) {
  const response = await fetch(`${url}${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/** Prints the result for the test and ends. */
export async function finish(browser, result) {
  console.log(JSON.stringify(result));
  await browser.close();
}
