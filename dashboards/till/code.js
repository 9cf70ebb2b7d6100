/**
 * A voucher's code as people type it.
 *
 * In: what stands in the field, from a keyboard or a scanner. Out: the bare characters for the gateway, and
 * two groups of capitals for the eye. It refuses only what no code holds; the rest is for the gateway to say.
 */

/** Characters of a code, and of each group: five are typed without losing the place. */
export const CODE_LEN = 10;
const GROUP_LEN = 5;

/** What a scanned voucher begins with. */
const TOKEN_PREFIX = 'VG1';
/** A prefix, then payload and signature: shorter is a code somebody is typing. */
const TOKEN_LEN_MIN = 100;

/** The signed text of a QR code, if that is what stands in the field. @param {string} typed */
export function token(typed) {
  const text = typed.trim();
  return text.startsWith(TOKEN_PREFIX) && text.length >= TOKEN_LEN_MIN ? text : '';
}

/** The bare characters. Codes have no I, L and O, so what looks like 1 or 0 is that. @param {string} typed */
export function bare(typed) {
  const characters = typed.toUpperCase().replace(/[^0-9A-Z]/g, '');
  return characters.replace(/[IL]/g, '1').replace(/O/g, '0');
}

/** In groups. @param {string} code */
export function grouped(code) {
  return [code.slice(0, GROUP_LEN), code.slice(GROUP_LEN)].filter((group) => group !== '').join('-');
}

/** Groups what was typed and keeps the cursor behind the same character. @param {HTMLInputElement} input */
export function groupTyped(input) {
  // A scanner types the whole text at once or letter by letter; either way it is left as it is.
  if (input.value.length > CODE_LEN + 1 && input.value.replace(/-/g, '').startsWith(TOKEN_PREFIX)) {
    input.value = input.value.replace(/[^0-9A-Z]/g, '');
    return;
  }
  const tidy = grouped(bare(input.value));
  if (tidy === input.value) return;
  const before = bare(input.value.slice(0, input.selectionStart ?? input.value.length)).length;
  input.value = tidy;
  const cursor = before > GROUP_LEN ? before + 1 : before;
  input.setSelectionRange(cursor, cursor);
}
