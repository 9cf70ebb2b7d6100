/**
 * Joining.
 *
 * In: a name, a language, perhaps the identity of a wristband. Out: the request to join, then her page. It
 * refuses nothing by itself: the gateway decides, and its reason is shown.
 */

import { byId, html, say } from '../shared/elements.js';

/** @typedef {import('../shared/i18n/words.js').Words} Words */

/** Languages that the shipped campaigns are written in, by their own names. */
const OFFER_LANGUAGES = { en: 'English', de: 'Deutsch', es: 'Español', fr: 'Français', it: 'Italiano', nl: 'Nederlands' };

/** @param {string} id */
const field = (id) => /** @type {HTMLInputElement | HTMLSelectElement} */ (byId(id));

/** @param {Words} words */
export function offerToJoin(words) {
  const options = Object.entries(OFFER_LANGUAGES).map(([tag, name]) => html('option', { value: tag, lang: tag }, name));
  byId('language').append(...options);
  const preferred = [words.language, ...navigator.languages].map((tag) => tag.toLowerCase().split('-')[0]);
  field('language').value = preferred.find((tag) => tag in OFFER_LANGUAGES) ?? 'en';
  byId('join').hidden = false;
  byId('join-form').addEventListener('submit', (event) => {
    event.preventDefault();
    join(words);
  });
}

/** @param {Words} words */
async function join(words) {
  const attendee = field('name').value.trim();
  const body = { attendee, language: field('language').value, beacon: field('beacon').value.trim() || null };
  say(byId('join-failed'), '');
  const response = await fetch('/api/v1/attendees', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }).catch(() => undefined);
  if (response?.ok) return location.assign(`/me?attendee=${encodeURIComponent(attendee)}`);
  const { error, mend } = (await response?.json().catch(() => undefined)) ?? {};
  return say(byId('join-failed'), error ? `${error}. ${mend}.` : words.t('me.failed'));
}
