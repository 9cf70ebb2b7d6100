// The staff page: wires the stream to what is shown.
// In: `/api/v1/venue`, the live stream, each queue's last half hour. Out: the page, redrawn at most a few
// times a second and only where something changed. Refuses to give up: a gateway that restarts is found again.

import { ApiFailure, read } from "../shared/api.js";
import { byId, element, setAttribute, setText } from "../shared/dom.js";
import { count, text, translatePage } from "../shared/i18n.js";
import { LiveStream } from "../shared/live.js";
import { showAlerts } from "./alerts.js";
import { Figures } from "./figures.js";
import { Freshness } from "./freshness.js";
import { MINUTES_SHOWN, QueueHistory } from "./history.js";
import { showLegend } from "./legend.js";
import { showOffers } from "./offers.js";
import { FloorPlan } from "./plan.js";
import { QueueCards } from "./queues.js";
import { showTables } from "./tables.js";
import { range } from "./wording.js";

/** How often the page is redrawn; more often is not read. */
const DRAW_EVERY_MS = 250;
/** Pause before asking again for the floor plan of a gateway that does not answer. */
const AGAIN_AFTER_MS = 2_000;

class StaffPage {
  #venue;
  #floor;
  #figures = new Figures(() => this.#changed());
  #histories;
  #plan;
  #cards = new QueueCards(byId("queues"));
  #fresh = new Freshness({ chip: byId("fresh"), spoken: byId("spoken"), pale: byId("main") });
  #drawing = 0;

  constructor(venue) {
    this.#venue = venue;
    this.#floor = venue.floors[0];
    this.#histories = new Map(venue.queues.map((queue) => [queue.name, new QueueHistory()]));
    this.#plan = new FloorPlan(byId("stage"), venue);
    setText(byId("venue-name"), venue.name);
    document.title = `${venue.name} – ${text("staff.title")}`;
    this.#offerFloors();
    const stream = new LiveStream("/api/v1/live", {
      state: (state) => this.#begin(state),
      line: (line) => this.#hear(line),
      pulse: (pulse) => this.#fresh.hear(pulse),
      stale: () => this.#fetchAnew(),
    });
    setInterval(() => this.#fresh.show(stream.silentS()), 500);
    byId("tables").parentElement.addEventListener("toggle", () => this.#draw());
    this.#draw();
  }

  #begin(state) {
    this.#fresh.hear(state);
    this.#figures.replace(state);
    this.#figures.queues.forEach((line) => this.#histories.get(line.queue)?.add(line));
    if (state.at_us) this.#fetchHistories(state.at_us);
  }

  #hear(line) {
    this.#fresh.figuresCame();
    this.#figures.apply(line);
    if (line?.kind === "queue") this.#histories.get(line.queue)?.add(line);
  }

  async #fetchAnew() {
    // Failing is fine: the lines that follow bring every figure up to date within a report or two.
    const state = await read("/state").catch(() => null);
    if (state) this.#begin(state);
  }

  #fetchHistories(atUs) {
    const fromUs = atUs - MINUTES_SHOWN * 60_000_000;
    this.#histories.forEach(async (history, queue) => {
      // Without it the sparkline begins now.
      const answer = await read(`/queues/${encodeURIComponent(queue)}/history?from_us=${fromUs}`).catch(() => null);
      if (answer) history.seed(answer.minutes);
      this.#changed();
    });
  }

  #changed() {
    this.#drawing ||= setTimeout(() => this.#draw(), DRAW_EVERY_MS);
  }

  #draw() {
    clearTimeout(this.#drawing);
    this.#drawing = 0;
    const [figures, venue] = [this.#figures, this.#venue];
    this.#showTotal(figures.venue);
    this.#showReceivers();
    showAlerts(byId("alerts"), figures, venue);
    this.#cards.show(venue.queues, figures.queues, this.#histories);
    this.#plan.show(figures);
    showLegend(byId("legend"), figures.heatOf(this.#floor.name), figures, venue, this.#floor);
    showOffers(byId("offers"), byId("offers-summary"), figures);
    const tables = byId("tables");
    if (tables.parentElement.open) showTables(tables, figures, venue, this.#histories);
  }

  #showTotal(line) {
    const node = byId("venue-people");
    setAttribute(node, "data-people", line?.people ?? null);
    setText(node, line ? text("about-people", { count: Math.round(line.people), n: count(line.people) }) : "");
    setText(byId("venue-interval"), line ? `(${range(line.low, line.high)}) ${text("staff.in-the-venue")}` : text("staff.no-figures"));
  }

  #showReceivers() {
    const chip = byId("receivers");
    const states = this.#venue.receivers.map((receiver) => this.#figures.receivers.get(receiver.name) ?? "unknown");
    const silent = states.filter((state) => state === "silent").length;
    const key = silent > 0 ? "some" : states.includes("unknown") ? "unknown" : "all";
    const all = count(states.length);
    setText(chip, text(`receivers.${key}`, { n: silent > 0 ? count(silent) : all, all, count: states.length }));
    setAttribute(chip, "data-tone", silent > 0 ? "act" : null);
    chip.hidden = states.length === 0;
  }

  #offerFloors() {
    const choice = byId("floors");
    choice.hidden = this.#venue.floors.length < 2;
    const buttons = this.#venue.floors.map((floor) => element("button", { type: "button" }, floor.name));
    const choose = (index) => {
      this.#floor = this.#venue.floors[index];
      buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(place === index)));
      this.#plan.select(this.#floor);
      this.#draw();
    };
    buttons.forEach((button, index) => button.addEventListener("click", () => choose(index)));
    buttons[0].setAttribute("aria-pressed", "true");
    choice.replaceChildren(...buttons);
  }
}

async function begin() {
  translatePage("staff.title");
  const trouble = byId("trouble");
  try {
    const venue = await read("/venue");
    trouble.hidden = true;
    new StaffPage(venue);
  } catch (failure) {
    if (!(failure instanceof ApiFailure)) throw failure;
    setText(trouble, `${failure.message || text("error.offline")} ${failure.mend || text("error.offline-mend")}`);
    trouble.hidden = false;
    setTimeout(begin, AGAIN_AFTER_MS);
  }
}

begin();
