// The history page shows what is stored, compares two times, and can be exported and printed.
// In: a running gateway with stored figures in the last two hours. Out: one JSON line: the curves' and maps' figures
// beside the API's, what the slider said, the export links with what they answer, the print's size, and the log.

import { finish, json, open, url } from "./page.mjs";

const { browser, page, log } = await open("/history?span=hour&against=before");
const ready = () => page.waitForSelector("body[data-state=ready]", { timeout: 30_000 });
await ready();

const result = { maps: 0, people: null, moments: [], table: null, links: [], zone: null, pdf_bytes: 0, german: null, print_hidden: null };
result.maps = await page.locator("#maps figure").count();

// The whole range, and its first moment, which the keyboard reaches.
const slider = page.locator("#moment");
result.moments.push(await slider.getAttribute("aria-valuetext"));
await slider.focus();
await page.keyboard.press("ArrowRight");
result.moments.push(await slider.getAttribute("aria-valuetext"));
result.cursor = await page.locator("#people .cursor").getAttribute("d");

// The mean of the map is that of the stored windows.
await page.keyboard.press("Home");
const shown = Number(await page.locator("#maps figure").first().getAttribute("data-people"));
const [from_us, to_us] = await page.evaluate(() => {
  const curve = document.querySelector("#people");
  return [Number(curve.dataset.fromUs), Number(curve.dataset.toUs)];
});
const floor = await page.locator("#floor").inputValue();
const range = `from_us=${from_us}&to_us=${to_us}`;
const { windows } = await json(`/api/v1/heat?floor=${encodeURIComponent(floor)}&${range}`);
const person_s = windows.flatMap((heat) => heat.cells).reduce((sum, [, stay_s]) => sum + stay_s, 0);
const seconds = windows.reduce((sum, heat) => sum + (heat.to_us - heat.from_us) / 1e6, 0);
result.people = { shown, told: person_s / seconds };

// One zone's curve names its most as the API does.
const { zones } = await json("/api/v1/venue");
await page.locator("#zone").selectOption(zones[0].name);
await ready();
const { minutes } = await json(`/api/v1/people/history?zone=${encodeURIComponent(zones[0].name)}&${range}`);
const told = Math.max(...minutes.map((minute) => minute.people_mean));
result.zone = { name: zones[0].name, said: await page.locator("#people .said").textContent(), most: Math.round(told) };
result.address = page.url();

for (const href of await page.locator(".links a").evaluateAll((links) => links.map((link) => link.href))) {
  const response = await fetch(href);
  result.links.push({ href: href.replace(url, ""), status: response.status, kind: response.headers.get("content-type"), bytes: (await response.arrayBuffer()).byteLength });
}

result.table = await page.locator("#flow").textContent();
await page.emulateMedia({ media: "print" });
result.print_hidden = await page.locator("#range").isHidden();
result.pdf_bytes = (await page.pdf({ format: "A4" })).byteLength;
await page.emulateMedia({ media: "screen" });
await page.goto(`${url}/history?lang=de`);
await ready();
result.german = await page.locator("#where-title").textContent();
if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
await finish(browser, { ...result, ...log });
