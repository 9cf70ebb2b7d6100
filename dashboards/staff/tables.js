// The page's figures as tables.
// In: the latest figures of all floors. Out: the same numbers for screen readers, and for those who like
// tables. Refuses to be rebuilt while closed: it costs nothing until somebody opens it.

import { element } from "../shared/dom.js";
import { count, text } from "../shared/i18n.js";
import { wait } from "./wording.js";

/** Fills the tables. */
export function showTables(node, figures, venue, histories) {
  node.replaceChildren(
    zoneTable(figures, venue),
    queueTable(figures, venue, histories),
    receiverTable(figures, venue),
    element("p", { class: "small soft" }, text("table.note")),
  );
}

function zoneTable(figures, venue) {
  const rows = venue.zones.map((zone) => {
    const line = figures.zones.get(zone.name);
    const number = (value) => (line ? count(value) : "–");
    return [zone.name, zone.floor, number(line?.people), number(line?.low), number(line?.high), number(line?.devices)];
  });
  return table("table.zone", ["table.zone", "table.floor", "table.people", "table.from", "table.to", "table.devices"], 2, rows);
}

function queueTable(figures, venue, histories) {
  const rows = venue.queues.map((queue) => {
    const line = figures.queues.get(queue.name);
    const trend = histories.get(queue.name)?.trend();
    const limit = text("minutes", { n: count(queue.wait_limit_s / 60) });
    return [queue.name, queue.floor, trend ? text(`queue.${trend}`) : "–", line ? count(line.length) : "–", wait(line) ?? "–", limit];
  });
  return table("table.queue", ["table.queue", "table.floor", "table.trend", "table.people", "table.wait", "table.limit"], 3, rows);
}

function receiverTable(figures, venue) {
  const rows = venue.receivers.map((receiver) => {
    return [receiver.name, receiver.floor, text(`receiver.${figures.receivers.get(receiver.name) ?? "unknown"}`)];
  });
  return table("table.receiver", ["table.receiver", "table.floor", "table.state"], 3, rows);
}

/** A table whose first column names the row; columns from `numbersFrom` on are numbers. */
function table(caption, headings, numbersFrom, rows) {
  const kind = (index) => (index >= numbersFrom ? "number" : null);
  const head = headings.map((heading, index) => element("th", { scope: "col", class: kind(index) }, text(heading)));
  const row = (cells) => {
    const [first, ...rest] = cells.map(String);
    return element("tr", {}, element("th", { scope: "row" }, first), ...rest.map((cell, index) => element("td", { class: kind(index + 1) }, cell)));
  };
  return element("table", {}, element("caption", {}, text(caption)), element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows.map(row)));
}
