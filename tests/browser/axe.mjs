// No page has a serious or critical fault of accessibility.
// In: a running gateway, `ATTENDEE`, axe-core beside this file. Out: one JSON line: for each page, scheme and width
// what axe found (rule, impact, how many elements, the first of them), how many rules passed, and the log.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { finish, open } from "./page.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const attendee = encodeURIComponent(process.env.ATTENDEE ?? "");
// A path, and what is there once the page has its figures.
const pages = [
  ["/", "#queues li [data-why]"],
  ["/history", "body[data-state=ready]"],
  ["/history?against=before", "body[data-state=ready] [data-maps='3']"],
  [`/me?attendee=${attendee}`, "h1"],
  ["/me", "h1"],
  ["/till", "#code"],
];
const { browser, page, log } = await open("/");

/** What axe says of the page as it stands. */
async function look(name) {
  // Evaluated by the browser itself, so the page's policy stays as it is.
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const faults = violations.map(({ id, impact, nodes }) => ({ id, impact, count: nodes.length, first: nodes[0]?.html.slice(0, 160), why: nodes[0]?.failureSummary?.slice(0, 300) }));
  return { name, faults, passes: passes.length };
}

const looks = [];
for (const [colorScheme, width] of [["light", 1400], ["dark", 1400], ["light", 390], ["dark", 390]]) {
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await page.setViewportSize({ width, height: 900 });
  for (const [path, ready] of pages) {
    await page.goto(new URL(path, page.url()).href);
    await page.waitForSelector(ready, { timeout: 30_000, state: "attached" });
    looks.push(await look(`${path} ${colorScheme} ${width}`));
    if (path !== "/") continue;
    await page.locator("#queues [data-why]").first().click();
    await page.waitForSelector("#why[data-told]", { timeout: 10_000 });
    looks.push(await look(`${path} why ${colorScheme} ${width}`));
    await page.keyboard.press("Escape");
    await page.locator("#view-table").click();
    looks.push(await look(`${path} table ${colorScheme} ${width}`));
  }
}
await finish(browser, { looks, ...log });
