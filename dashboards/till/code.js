// A voucher code as people type it.
// In: what stands in the field, from a keyboard or a scanner. Out: the code in groups of five, in capitals,
// and the bare characters for the gateway. Refuses only what no code holds; whether it is one the gateway says.

/** Characters of a code, and of each group. */
export const CODE_LEN = 10;
const GROUP = 5;

/** The bare characters. What looks like 1 or 0 is that: codes have no I, L and O. */
export function bare(typed) {
  const characters = typed.toUpperCase().replace(/[^0-9A-Z]/g, "");
  return characters.replace(/[IL]/g, "1").replace(/O/g, "0");
}

/** The code in groups. */
export function grouped(code) {
  return code.match(new RegExp(`.{1,${GROUP}}`, "g"))?.join("-") ?? "";
}

/** Puts what was typed into groups and keeps the cursor behind the same character. */
export function tidyField(field) {
  const before = bare(field.value.slice(0, field.selectionStart)).length;
  const tidy = grouped(bare(field.value));
  if (tidy === field.value) return;
  field.value = tidy;
  const cursor = before + Math.floor(Math.max(0, before - 1) / GROUP);
  field.setSelectionRange(cursor, cursor);
}
