// The history page shows what is stored, compares two times, and can be exported and printed.
// In: a running gateway with two stored heat windows that ended, and movements in the last of them. Out: one JSON line: the curves' and maps' figures
// beside the API's, what the slider said, the export links with what they answer, the print's size, and the log.

import { finish, json, open, url } from "./page.mjs";

/** A time as a datetime-local field takes it; page and test share one zone. */
function local(at_us) {
  const at = new Date(at_us / 1000);
  const two = (number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

// The last window that ended is compared with the one before it: neither changes any more.
const now_us = (await json("/api/v1/time")).at_us;
const stored = (await json(`/api/v1/heat?from_us=0&to_us=${now_us}`)).windows.filter((heat) => heat.closed);
const [before, last] = stored.slice(-2);
const asked = new URLSearchParams({ span: "own", from: local(last.from_us), to: local(last.to_us), against: "own", other: local(before.from_us) });
const { browser, page, log } = await open(`/history?${asked}`);
const ready = () => page.waitForSelector("body[data-state=ready]", { timeout: 30_000 });
await ready();

const result = { maps: 0, people: null, moments: [], links: [], flow: null, zone: null, pdf_bytes: 0, german: null, print_hidden: null };
result.maps = await page.locator("#maps figure").count();

// The whole range, and its first moment, which the keyboard reaches.
const slider = page.locator("#moment");
result.moments.push(await slider.getAttribute("aria-valuetext"));
await slider.focus();
await page.keyboard.press("ArrowRight");
result.moments.push(await slider.getAttribute("aria-valuetext"));
result.cursor = await page.locator("#people .cursor").getAttribute("d");

// The maps' means are those of the stored windows, and the third is what differs.
await page.keyboard.press("Home");
const shown = await page.locator("#maps figure").evaluateAll((maps) => maps.map((map) => Number(map.dataset.people)));
const mean = (heat) => heat.cells.reduce((sum, [, stay_s]) => sum + stay_s, 0) / ((heat.to_us - heat.from_us) / 1e6);
result.people = { shown, told: [mean(last), mean(before), mean(last) - mean(before)] };
const range = `from_us=${last.from_us}&to_us=${last.to_us}`;

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

const { movements } = await json(`/api/v1/movements?${range}`);
const cells = await page.locator("#flow table").first().locator("td[data-people]").evaluateAll((cells) => cells.map((cell) => Number(cell.dataset.people)));
result.flow = { shown: cells.sort((a, b) => b - a), told: movements.map(({ people }) => people) };
await page.emulateMedia({ media: "print" });
result.print_hidden = await page.locator("#range").isHidden();
result.pdf_bytes = (await page.pdf({ format: "A4" })).byteLength;
await page.emulateMedia({ media: "screen" });
await page.goto(`${url}/history?lang=de`);
await ready();
result.german = await page.locator("#where-title").textContent();
if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
await finish(browser, { ...result, ...log });
