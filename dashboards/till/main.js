/**
 * The till's page: a code in, yes or no out.
 *
 * In: a code as typed or scanned. Out: one large answer with the reason in words; the field is ready for the
 * next code at once, so that a scanner never types into nothing. Each code's request has an identity that is
 * kept until there is an answer, so that trying again after a lost connection is safe. It refuses to send what
 * cannot be a code, because a slip of the finger need not look like a false voucher.
 */

import { byId, html, say } from '../shared/elements.js';
import { Words } from '../shared/i18n/words.js';
import { CODE_LEN, bare, groupTyped, grouped, token } from './code.js';

/** Where this device remembers the till's name. */
const REMEMBERED = 'till-name';
/** No answer for this long is no answer, ms; the store answers within a disk's sync. */
const ANSWER_MS_MAX = 8_000;
/** Answers kept in sight, for the guest who comes back. */
const RECENT_MAX = 4;

/** An identity nobody else has. (`crypto.randomUUID` wants HTTPS, which a hall's Wi-Fi often lacks.) */
function newIdentity() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Storage may be switched off; then the name is asked for again after a reload. @param {() => any} action */
function attempt(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

/** @param {string} name */
const input = (name) => /** @type {HTMLInputElement} */ (byId(name));

class Till {
  /** The request that has no answer yet. */
  open = { code: '', request_id: '' };

  /** @param {Words} words */
  constructor(words) {
    this.words = words;
    input('till').value = attempt(() => localStorage.getItem(REMEMBERED)) ?? '';
    input('till').addEventListener('change', () => {
      attempt(() => localStorage.setItem(REMEMBERED, input('till').value.trim()));
    });
    input('code').addEventListener('input', () => {
      groupTyped(input('code'));
      this.show('idle', '', '', words.t('till.ready'));
    });
    byId('form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.redeem();
    });
    input('code').focus();
  }

  async redeem() {
    const scanned = token(input('code').value);
    const code = scanned || bare(input('code').value);
    if (!scanned && code.length !== CODE_LEN) {
      const why = this.words.t('till.short', { n: CODE_LEN, typed: code.length });
      return this.show('error', this.words.t('till.incomplete'), '', why);
    }
    if (this.open.code !== code) this.open = { code, request_id: newIdentity() };
    const button = /** @type {HTMLButtonElement} */ (byId('redeem'));
    button.disabled = true;
    this.show('busy', '', '', this.words.t('till.asking'));
    const answer = await this.ask().catch(() => undefined);
    button.disabled = false;
    say(button, this.words.t(answer ? 'till.redeem' : 'till.again'));
    if (answer) this.answered(code, answer);
    else this.show('error', this.words.t('till.unclear'), '', this.words.t('till.unclear.why'));
    return input('code').focus();
  }

  /** @returns {Promise<any>} */
  async ask() {
    const response = await fetch('/api/v1/vouchers/redeem', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ...this.open, till: input('till').value.trim() }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    // 409 is a clear no; anything else that is not yes is no answer.
    return response.ok || response.status === 409 ? response.json() : undefined;
  }

  /** @param {string} code @param {any} answer */
  answered(code, answer) {
    this.open = { code: '', request_id: '' };
    input('code').value = '';
    const redeemed = answer.state === 'redeemed';
    if (redeemed) this.yes(answer);
    else this.no(answer);
    // Of a scanned text its beginning is enough to find the guest again.
    this.remember(code.slice(0, CODE_LEN), this.words.t(redeemed ? 'till.yes' : 'till.no'), redeemed);
  }

  /** @param {{percent: number, stand: string}} answer */
  yes({ percent, stand }) {
    const off = this.words.t('till.off', { percent: this.words.percent.format(percent / 100) });
    this.show('redeemed', this.words.t('till.yes'), off, this.words.t('till.at', { stand }));
  }

  /** @param {{reason: string, message: string, since_us?: number | null}} answer */
  no({ reason, message, since_us }) {
    const key = `till.refused.${reason}`;
    const time = typeof since_us === 'number' ? this.words.time(since_us) : '';
    const text = key in this.words.messages ? this.words.t(key, { time }) : message;
    this.show('refused', this.words.t('till.no'), '', text);
  }

  /** @param {'idle' | 'busy' | 'redeemed' | 'refused' | 'error'} state @param {string} verdict @param {string} benefit @param {string} reason */
  show(state, verdict, benefit, reason) {
    byId('result').dataset.state = state;
    say(byId('verdict'), verdict);
    say(byId('benefit'), benefit);
    say(byId('reason'), reason);
  }

  /** @param {string} code @param {string} verdict @param {boolean} redeemed */
  remember(code, verdict, redeemed) {
    const list = byId('recent');
    const time = html('span', { class: 'soft' }, this.words.time(Date.now() * 1_000));
    const tag = html('strong', { class: redeemed ? 'good' : 'bad' }, verdict);
    list.prepend(html('li', {}, html('span', { class: 'code' }, grouped(code)), time, tag));
    while (list.children.length > RECENT_MAX) list.lastElementChild?.remove();
    byId('recent-part').hidden = false;
  }
}

/** The stands to choose from; the page works without. */
async function suggestStands() {
  const response = await fetch('/api/v1/venue').catch(() => undefined);
  if (!response?.ok) return;
  const { queues } = await response.json();
  byId('stands').append(...queues.map((/** @type {{name: string}} */ queue) => html('option', { value: queue.name })));
}

async function start() {
  const words = await Words.load();
  document.title = words.t('till.title');
  new Till(words);
  suggestStands();
}

start();
