// The staff page shows what the API says.
// In: a running gateway. Out: one JSON line: figures shown beside figures told, zone by zone and queue by
// queue, at a moment when some zone is not empty, and the log. `agreed` is false when page and API never
// agreed within the time.

import { finish, json, open, poll } from "./page.mjs";

const { browser, page, log } = await open("/");
const venue = await json("/api/v1/venue");
const zones = venue.zones.map((zone) => zone.name);
const queues = venue.queues.map((queue) => queue.name);

/** The figures as a person would read them: zones off the table, queues off their cards. */
function shownBy(page) {
  return page.evaluate(
    ([zones, queues]) => {
      const number = (text) => {
        const found = /\d+/.exec(text ?? "");
        return found ? Number(found[0]) : null;
      };
      const rows = [...document.querySelectorAll("table tr")];
      const ofZone = (zone) => {
        const row = rows.find((row) => row.querySelector("th")?.textContent.trim() === zone);
        const cells = [...(row?.querySelectorAll("td") ?? [])].map((cell) => cell.textContent.trim());
        return number(cells.find((cell) => /^[\d–]/.test(cell)));
      };
      const ofQueue = (queue) => {
        const cards = [...document.querySelectorAll("#queues > *")];
        return cards.find((card) => card.textContent.includes(queue))?.textContent ?? null;
      };
      return { zones: zones.map(ofZone), queues: queues.map(ofQueue), plan: document.querySelector("svg")?.textContent ?? "" };
    },
    [zones, queues],
  );
}

await page.getByRole("button", { name: /table/i }).first().click({ timeout: 10_000 });

let last = null;
const agreed = await poll(60_000, async () => {
  const before = await json("/api/v1/state");
  const shown = await shownBy(page);
  const after = await json("/api/v1/state");
  const told = (name) => before.zones.find((line) => line.zone === name)?.people;
  const figures = zones.map((zone, index) => ({ zone, shown: shown.zones[index], told: told(zone) }));
  const lengths = queues.map((queue, index) => {
    const told = before.queues.find((line) => line.queue === queue)?.length;
    return { queue, shown: shown.queues[index], told };
  });
  last = { figures, lengths, plan: shown.plan };
  const still = JSON.stringify(before.zones) === JSON.stringify(after.zones);
  const same = figures.every(({ shown, told }) => told !== undefined && shown === Math.round(told));
  const somebody = figures.some(({ shown }) => shown > 0);
  const listed = lengths.every(({ shown, told }) => {
    const people = Math.round(told);
    return shown !== null && told !== undefined && (people === 0 || new RegExp(`\\b${people}\\b`).test(shown));
  });
  return still && same && somebody && listed;
});

const screenshot = process.env.SCREENSHOT;
if (screenshot) {
  await page.getByRole("button", { name: /map/i }).first().click({ timeout: 10_000 });
  await page.screenshot({ path: screenshot });
}
await finish(browser, { agreed: Boolean(agreed), ...last, ...log });
