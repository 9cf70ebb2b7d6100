/**
 * One voucher as its holder sees it.
 *
 * In: an offer, the event time. Out: a card with what it is worth, where, its code and the time left; later,
 * that it was used or ran out. It refuses to show a code that no till would take any more.
 */

import { html, say } from '../shared/elements.js';

/** @typedef {import('../shared/shapes.js').AttendeeOffer} AttendeeOffer */
/** @typedef {import('../shared/i18n/words.js').Words} Words */

/** Time to hurry, seconds of event time. */
const SOON_S = 60;

/** How an offer stands; the page need not wait to be told that it ran out. @param {AttendeeOffer} offer @param {number} now_us */
export function stateAt(offer, now_us) {
  return offer.state === 'issued' && offer.expires_at_us <= now_us ? 'expired' : offer.state;
}

/** @param {number} seconds */
function minutesAndSeconds(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** A code in two groups, which are easier to read out. @param {string} code */
function grouped(code) {
  const half = Math.ceil(code.length / 2);
  return `${code.slice(0, half)}-${code.slice(half)}`;
}

export class Voucher {
  card = html('article', { class: 'offer card' });
  left = html('p', { class: 'left', role: 'timer' });
  bar = html('span');
  state = '';

  /** @param {Words} words @param {string} path where her vouchers are */
  constructor(words, path) {
    this.words = words;
    this.path = path;
  }

  /** Shows how the offer stands; says whether that changed. @param {AttendeeOffer} offer @param {number} now_us */
  draw(offer, now_us) {
    const changed = offer.state !== this.state;
    if (changed) {
      this.state = offer.state;
      this.card.dataset.offerState = offer.state;
      this.card.dataset.voucher = offer.voucher;
      this.card.replaceChildren(...(offer.state === 'issued' ? this.open(offer) : this.ended(offer)));
    }
    if (offer.state === 'issued') this.drawTimeLeft(offer, now_us);
    return changed;
  }

  /** @param {AttendeeOffer} offer */
  open(offer) {
    const percent = this.words.percent.format(offer.percent / 100);
    // A screen reader would make words of it.
    const spelled = html('span', { class: 'unseen' }, [...offer.code].join(' '));
    const code = html('p', { class: 'code' }, html('span', { 'aria-hidden': 'true' }, grouped(offer.code)), spelled);
    this.card.dataset.offerCode = offer.code;
    // Whoever cannot see it has the code below, which says the same.
    const picture = `${this.path}/vouchers/${encodeURIComponent(offer.voucher)}/qr.svg`;
    const scanned = html('img', { class: 'qr', src: picture, alt: '', width: '240', height: '240' });
    // Without the picture, an offline moment say, the code is enough.
    scanned.addEventListener('error', () => scanned.remove());
    return [
      html('p', { class: 'benefit' }, this.words.t('till.off', { percent })),
      html('p', { class: 'text' }, offer.text),
      html('p', { class: 'soft' }, this.words.t('me.show', { stand: offer.stand })),
      ...(offer.token ? [scanned] : []),
      code,
      this.left,
      html('div', { class: 'bar', 'aria-hidden': 'true' }, this.bar),
    ];
  }

  /** @param {AttendeeOffer} offer */
  ended(offer) {
    delete this.card.dataset.offerCode;
    const used = offer.state === 'redeemed';
    const percent = this.words.percent.format(offer.percent / 100);
    return [
      html('p', { class: 'benefit' }, this.words.t(used ? 'me.used' : 'me.over')),
      html('p', {}, this.words.t('voucher.line', { percent, stand: offer.stand })),
      html('p', { class: 'soft' }, this.words.t(used ? 'me.used.more' : 'me.over.more')),
    ];
  }

  /** @param {AttendeeOffer} offer @param {number} now_us */
  drawTimeLeft(offer, now_us) {
    const left_s = (offer.expires_at_us - now_us) / 1e6;
    const share = left_s / Math.max(1, (offer.expires_at_us - offer.at_us) / 1e6);
    say(this.left, this.words.t('me.left', { time: minutesAndSeconds(left_s) }));
    this.bar.style.transform = `scaleX(${Math.max(0, Math.min(1, share))})`;
    this.card.classList.toggle('soon', left_s < SOON_S);
  }
}
