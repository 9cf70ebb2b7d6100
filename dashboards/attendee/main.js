/**
 * The attendee's page: her offers and nobody else's, or the way to join.
 *
 * In: the name in the address, word that her offers changed. Out: each open offer with its code and what time
 * is left, and how earlier ones ended. It counts down in event time, which is what the till goes by. It
 * refuses to lose a code when the Wi-Fi does: what was shown stays until its time is over.
 */

import { EventClock } from '../shared/clock.js';
import { byId, html, say } from '../shared/elements.js';
import { Words } from '../shared/i18n/words.js';
import { watch } from '../shared/stream.js';
import { offerToJoin } from './join.js';
import { offerToLeave } from './leave.js';
import { Voucher, stateAt } from './voucher.js';

/** @typedef {import('../shared/shapes.js').AttendeeOffer} AttendeeOffer */

/** Two pulses of the attendee's stream missed, ms. */
const SILENCE_MS_MAX = 12_000;
/** A voucher that was used or ran out stays in sight this long, so that it is seen to end; event time. */
const LINGER_US = 90_000_000;
/** Redrawn this often, so that the countdown is smooth in a demo at ten times the speed too. */
const DRAW_EVERY_MS = 250;
/** Earlier offers shown. */
const PAST_MAX = 10;

class Page {
  clock = new EventClock();
  /** @type {AttendeeOffer[]} */
  offers = [];
  /** @type {Map<string, Voucher>} */
  shown = new Map();
  past = '';

  /** @param {Words} words @param {string} path where her vouchers are */
  constructor(words, path) {
    this.words = words;
    this.path = path;
  }

  /** @param {AttendeeOffer[]} offers @param {number} now_us */
  take(offers, now_us) {
    const known = new Set(this.offers.map((offer) => offer.voucher));
    const fresh = offers.find((offer) => offer.state === 'issued' && !known.has(offer.voucher));
    if (fresh) say(byId('said'), this.words.t('me.new', { text: fresh.text }));
    this.clock.set(now_us);
    this.offers = offers;
    this.draw();
  }

  draw() {
    const now_us = this.clock.now_us();
    if (now_us === undefined) return;
    const offers = this.offers.map((offer) => ({ ...offer, state: stateAt(offer, now_us) }));
    let near = offers.filter((offer) => offer.state === 'issued');
    // One that has just ended is only worth its place while there is nothing to use.
    if (near.length === 0) near = offers.filter((offer) => now_us - endedAt(offer) < LINGER_US).slice(0, 1);
    this.drawNear(near, now_us);
    this.drawPast(offers.filter((offer) => offer.state !== 'issued' && !near.includes(offer)).slice(0, PAST_MAX));
    byId('none').hidden = near.length > 0;
  }

  /** @param {AttendeeOffer[]} offers @param {number} now_us */
  drawNear(offers, now_us) {
    const wanted = new Set(offers.map((offer) => offer.voucher));
    for (const [name, voucher] of this.shown) {
      if (!wanted.has(name)) {
        voucher.card.remove();
        this.shown.delete(name);
      }
    }
    for (const offer of [...offers].reverse()) {
      const voucher = this.shown.get(offer.voucher) ?? new Voucher(this.words, this.path);
      if (!this.shown.has(offer.voucher)) byId('open').prepend(voucher.card);
      this.shown.set(offer.voucher, voucher);
      if (voucher.draw(offer, now_us) && offer.state !== 'issued') say(byId('said'), voucher.card.innerText);
    }
  }

  /** @param {AttendeeOffer[]} offers */
  drawPast(offers) {
    const past = offers.map((offer) => `${offer.voucher} ${offer.state}`).join();
    if (past === this.past) return;
    this.past = past;
    byId('past-list').replaceChildren(...offers.map((offer) => this.entry(offer)));
    byId('past').hidden = offers.length === 0;
  }

  /** @param {AttendeeOffer} offer */
  entry(offer) {
    const percent = this.words.percent.format(offer.percent / 100);
    const state = this.words.t(offer.state === 'redeemed' ? 'me.used' : 'me.over');
    const what = this.words.t('voucher.line', { percent, stand: offer.stand });
    const how = html('span', { class: 'state' }, `${state}, ${this.words.time(endedAt(offer))}`);
    return html('li', { 'data-voucher': offer.voucher, 'data-state': offer.state }, html('span', {}, what), how);
  }
}

/** When an offer ended or will end. @param {AttendeeOffer} offer */
function endedAt(offer) {
  return offer.redeemed_at_us ?? offer.expires_at_us;
}

/** @param {string} attendee @param {Words} words */
function showMember(attendee, words) {
  const path = `/api/v1/attendees/${encodeURIComponent(attendee)}`;
  const page = new Page(words, path);
  const fetchOffers = async () => {
    const response = await fetch(`${path}/offers`).catch(() => undefined);
    if (!response?.ok) return;
    const { offers, now_us } = await response.json();
    page.take(offers, now_us);
  };
  say(byId('hello'), words.t('me.hello', { name: attendee }));
  byId('member').hidden = false;
  const stop = watch(`${path}/live`, ['offers', 'pulse'], SILENCE_MS_MAX, {
    alive: (alive) => (byId('lost').hidden = alive),
    event: (name, data) => (name === 'pulse' ? page.clock.set(data.now_us) : fetchOffers()),
  });
  const draws = setInterval(() => page.draw(), DRAW_EVERY_MS);
  offerToLeave(path, words, () => {
    clearInterval(draws);
    stop();
  });
}

async function start() {
  const words = await Words.load();
  document.title = words.t('me.title');
  const attendee = new URLSearchParams(location.search).get('attendee')?.trim();
  if (attendee) showMember(attendee, words);
  else offerToJoin(words);
}

start();
