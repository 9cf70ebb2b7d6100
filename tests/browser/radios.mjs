// Receivers whose source does not hear are named on the live page, with the reason.
// In: a running gateway with the receivers `HEARS` and `DEAF`. Out: one JSON line: the summary, whether the list opened
// by itself, the lines of both receivers, and the log.

import { finish, open, poll } from "./page.mjs";

const { browser, page, log } = await open("/");
const lines = () => page.locator("#receivers li").allTextContents();
const of = (all, name) => all.find((line) => line.startsWith(name)) ?? null;
const [hears, deaf] = [process.env.HEARS, process.env.DEAF];
let all = [];
const complete = await poll(60_000, async () => {
  all = await lines();
  return /\d/.test(of(all, hears)?.slice(hears.length) ?? "") && (await page.locator("#receivers li.silent").count()) > 0;
});
const result = { complete: Boolean(complete), hears: of(all, hears), deaf: of(all, deaf) };
result.summary = await page.locator("#receivers summary").textContent();
result.open = await page.locator("#receivers").evaluate((box) => box.open);
await finish(browser, { ...result, ...log });
