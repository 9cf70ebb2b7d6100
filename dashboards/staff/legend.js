// What the signs of the floor plan mean.
// In: the heat window shown, and which signs the plan has. Out: one line below the plan. Refuses to explain
// what is not there.

import { element, shape } from "../shared/dom.js";
import { count, small, text } from "../shared/i18n.js";
import { densities, paintScale } from "./heat.js";

/** Fills the legend for a floor. */
export function showLegend(node, heat, figures, venue, floor) {
  const silent = [...figures.receivers.values()].includes("silent");
  const key = [heat?.to_us, silent, figures.followed.size > 0, floor.name].join();
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  const here = (things) => things.some((thing) => thing.floor === floor.name);
  node.replaceChildren(
    ...heatScale(heat),
    ...(here(venue.queues) ? [sign(text("legend.queue"), shape("path", { class: "queue-area", d: "M1 4H15V12H1Z" }), shape("path", { class: "counter", d: "M1 1H15V4H1Z" }))] : []),
    ...(here(venue.entrances) ? [sign(text("legend.entrance"), shape("circle", { class: "entrance", cx: 8, cy: 8, r: 5.5 }))] : []),
    ...(here(venue.receivers) ? [sign(text("legend.receiver"), receiverSign("hears"))] : []),
    ...(silent ? [sign(text("legend.silent"), receiverSign("silent"))] : []),
    ...(figures.followed.size > 0 ? [sign(text("legend.followed"), shape("circle", { class: "followed", cx: 8, cy: 8, r: 3.5 }))] : []),
  );
  const canvas = node.querySelector("canvas");
  if (canvas) paintScale(canvas);
}

function heatScale(heat) {
  if (!heat) return [element("span", {}, text("heat.none"))];
  const minutes = Math.max(1, (heat.to_us - heat.from_us) / 60e6);
  const span = text("heat.span", { n: count(minutes) });
  return [element("span", {}, "0", element("canvas", { width: 96, height: 10, "aria-hidden": "true" }), `${small(densities(heat).full)} ${text("heat.legend")}, ${span}`)];
}

function receiverSign(state) {
  const mark = state === "silent" ? "M5.5 5.5l5 5m0 -5l-5 5" : "M5.5 9a2.6 2.6 0 0 1 5 0";
  return shape("g", { class: "receiver", "data-state": state }, shape("circle", { cx: 8, cy: 8, r: 6 }), shape("path", { d: mark }));
}

function sign(words, ...shapes) {
  return element("span", {}, shape("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, ...shapes), words);
}
