/**
 * JSON of the API.
 *
 * In: a path. Out: what it answers. It refuses an answer that is none, with the gateway's own words.
 */

/** @param {string} path @returns {Promise<any>} */
export async function fetched(path) {
  const response = await fetch(path);
  if (response.ok) return response.json();
  const refusal = await response.json().catch(() => ({ error: String(response.status) }));
  throw new Error(`${path}: ${refusal.error}`);
}
