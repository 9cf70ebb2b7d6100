/**
 * Words and numbers in the reader's language.
 *
 * In: a key with its slots, a number, a time. Out: text. A language is one file beside this one with the
 * keys of `en.js`; it is loaded only when chosen. It
 * refuses more digits than are known: nobody waits 6.37 min.
 */

/** Languages there are: add a file and its name here. */
const LANGUAGES = ['en', 'de'];

/** @typedef {Record<string, string | {one: string, other: string}>} Messages */

/**
 * The first language the reader prefers that there is; English otherwise. `?lang=` in the address wins.
 * @returns {string}
 */
function chosen() {
  const asked = new URLSearchParams(location.search).get('lang');
  const preferred = [asked ?? '', ...navigator.languages].map((tag) => tag.toLowerCase().split('-')[0]);
  return preferred.find((language) => LANGUAGES.includes(language)) ?? 'en';
}

export class Words {
  /** @param {string} language @param {Messages} messages */
  constructor(language, messages) {
    this.language = language;
    this.messages = messages;
    // Of one language, countries write times and numbers differently.
    const locale = navigator.languages.find((tag) => tag.toLowerCase().split('-')[0] === language) ?? language;
    this.plural = new Intl.PluralRules(language);
    this.whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
    this.tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    this.percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 });
    this.day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
    this.dayAndClock = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
    this.clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
  }

  /** Loads the reader's language and writes it into the page. */
  static async load() {
    const language = chosen();
    const { default: messages } = await import(`./${language}.js`);
    const words = new Words(language, messages);
    words.label(document);
    return words;
  }

  /**
   * Fills every element that names a key: its text (`data-t`) or its label (`data-t-label`).
   * @param {Document | Element} root
   */
  label(root) {
    document.documentElement.lang = this.language;
    for (const element of root.querySelectorAll('[data-t]')) {
      element.textContent = this.t(element.getAttribute('data-t') ?? '');
    }
    for (const element of root.querySelectorAll('[data-t-label]')) {
      element.setAttribute('aria-label', this.t(element.getAttribute('data-t-label') ?? ''));
    }
  }

  /**
   * The words of a key. A number in slot `n` chooses singular or plural.
   * @param {string} key
   * @param {Record<string, string | number>} [slots]
   * @returns {string}
   */
  t(key, slots = {}) {
    const message = this.messages[key] ?? key;
    const text = typeof message === 'string' ? message : message[this.form(slots.n)];
    return text.replace(/\{(\w+)\}/g, (_, slot) => this.slot(slots[slot] ?? ''));
  }

  /** @param {string | number | undefined} n @returns {'one' | 'other'} */
  form(n) {
    return this.plural.select(Number(n)) === 'one' ? 'one' : 'other';
  }

  /** @param {string | number} value @returns {string} */
  slot(value) {
    return typeof value === 'number' ? this.whole.format(value) : value;
  }

  /** A count, "42". @param {number} count */
  count(count) {
    return this.whole.format(Math.round(count));
  }

  /** An interval, "35–50". @param {number} low @param {number} high */
  interval(low, high) {
    const [from, to] = [this.count(low), this.count(high)];
    return from === to ? from : `${from}–${to}`;
  }

  /** A time of day. @param {number} at_us */
  time(at_us) {
    return this.clock.format(new Date(at_us / 1000));
  }

  /** A day and a time of it. @param {number} at_us */
  moment(at_us) {
    return this.dayAndClock.format(new Date(at_us / 1000));
  }

  /** A range of time, the day only once where it is one. @param {number} from_us @param {number} to_us */
  range(from_us, to_us) {
    const [from, to] = [new Date(from_us / 1000), new Date(to_us / 1000)];
    return this.dayAndClock.formatRange(from, to);
  }

  /** A probability; nobody is ever quite sure. @param {number} p */
  probability(p) {
    if (p < 0.01) return this.t('p.under', { p: this.percent.format(0.01) });
    if (p > 0.99) return this.t('p.over', { p: this.percent.format(0.99) });
    return this.percent.format(p);
  }

  /**
   * A wait with its interval: "no wait", "under 1 min", "up to 3 min", "about 6 min",
   * "6–8 min".
   * @param {{wait_s: number | null, wait_low_s: number | null, wait_high_s: number | null}} queue
   */
  wait({ wait_s, wait_low_s, wait_high_s }) {
    if (wait_s === null) return this.t('wait.unknown');
    const low = Math.round((wait_low_s ?? wait_s) / 60);
    const high = Math.round((wait_high_s ?? wait_s) / 60);
    if (this.isNoWait({ wait_s, wait_low_s, wait_high_s })) return this.t('wait.none');
    if (high === 0) return this.t('wait.short');
    if (low === 0) return this.t('wait.upto', { minutes: high });
    if (low === high) return this.t('wait.about', { minutes: high });
    return this.t('wait.interval', { interval: this.interval(low, high) });
  }

  /** @param {{wait_s: number | null, wait_low_s: number | null, wait_high_s: number | null}} queue */
  isNoWait({ wait_s, wait_high_s }) {
    return wait_s !== null && wait_s < 1 && Math.round((wait_high_s ?? wait_s) / 60) === 0;
  }

  /** The likeliest wait alone, "6 min". @param {number} wait_s */
  shortWait(wait_s) {
    return wait_s < 30 ? this.t('wait.under') : this.t('wait.min', { minutes: Math.round(wait_s / 60) });
  }

  /** A length of time: "8 s", "3 min", "2 h". @param {number} seconds */
  age(seconds) {
    if (seconds < 90) return this.t('age.s', { n: Math.floor(seconds) });
    if (seconds < 5400) return this.t('age.min', { n: Math.round(seconds / 60) });
    return this.t('age.h', { n: Math.round(seconds / 3600) });
  }
}
