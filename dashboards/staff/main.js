/**
 * The staff page: fetches the floor plan, watches the live stream, hands both to the views.
 *
 * In: the API. Out: the page. It refuses to give up: a gateway that restarts is found again by itself.
 */

import { watch } from '../shared/stream.js';
import { Store } from '../shared/store.js';
import { Words } from '../shared/i18n/words.js';
import { byId } from '../shared/elements.js';
import { fetched } from '../shared/fetched.js';
import { showAlerts } from './alerts.js';
import { showFreshness } from './freshness.js';
import { showPeople } from './people.js';
import { showPlan } from './plan.js';
import { showQueues } from './queues.js';
import { showReceivers } from './receivers.js';
import { showVouchers } from './vouchers.js';
import { explainFigures } from './why.js';

/** Four pulses missed: the stream stands still. */
const SILENCE_MS_MAX = 4_000;

/** Pause before asking again for the floor plan, ms. */
const AGAIN_AFTER_MS = 3_000;

/** Stored minutes of every queue; without them the sparklines begin empty. @param {Store} store @param {string[]} queues */
async function fetchHistory(store, queues) {
  await Promise.all(
    queues.map(async (queue) => {
      const found = await fetched(`/api/v1/queues/${encodeURIComponent(queue)}/history`).catch(() => ({ minutes: [] }));
      store.setHistory(queue, found.minutes);
    }),
  );
}

/** The floor plan, as soon as the gateway gives it. @returns {Promise<import('../shared/shapes.js').Venue>} */
async function fetchVenue() {
  for (;;) {
    const venue = await fetched('/api/v1/venue').catch(() => undefined);
    byId('trouble').hidden = venue !== undefined;
    if (venue) return venue;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
  }
}

async function start() {
  const [words, venue] = await Promise.all([Words.load(), fetchVenue()]);
  const store = new Store();
  const queues = venue.queues.map((queue) => queue.name);
  byId('venue').textContent = venue.name;
  document.title = `${venue.name} · ${words.t('staff.title')}`;

  showFreshness(store, words);
  showAlerts(store, venue, words);
  showPeople(store, venue, words);
  showPlan(store, venue, words);
  showQueues(store, venue, words);
  showReceivers(store, venue, words);
  showVouchers(store, words);
  explainFigures(store, words);

  watch('/api/v1/live', ['state', 'pulse', 'health', 'resync'], SILENCE_MS_MAX, {
    alive: (alive) => store.setAlive(alive),
    event: async (name, data) => {
      if (name === 'pulse') return store.beat(data);
      if (name === 'health') return store.setHealth(data);
      if (name === '') return store.line(data);
      if (name === 'resync') {
        // Lines were lost; a failed attempt is made good by the next snapshot.
        const state = await fetched('/api/v1/state').catch(() => undefined);
        return state && store.snapshot(state);
      }
      store.snapshot(data);
      return fetchHistory(store, queues);
    },
  });
}

start();
