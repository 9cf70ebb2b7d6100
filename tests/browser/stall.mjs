// A page whose stream stands still says so.
// In: a running gateway and its process in `GATEWAY_PID`. Out: one JSON line: what the page said while all was well,
// after how many seconds it said that it is not, what it said then, whether it found back by itself, and the log.

import { finish, open, poll } from "./page.mjs";

const pid = Number(process.env.GATEWAY_PID);
const { browser, page, log } = await open("/");
const said = () => page.locator("#fresh-text").textContent();
const is_stale = () => page.evaluate(() => document.querySelector("#fresh")?.classList.contains("stale") ?? false);

const fresh = await poll(30_000, async () => (/\d/.test((await said()) ?? "") && !(await is_stale()) ? said() : null));
const result = { fresh, stalled_after_s: null, stalled: null, back: false };
if (fresh) {
  // The kernel keeps the connection open: nothing but silence tells the page.
  process.kill(pid, "SIGSTOP");
  const began = Date.now();
  try {
    if (await poll(15_000, is_stale)) {
      result.stalled_after_s = (Date.now() - began) / 1000;
      result.stalled = await said();
    }
  } finally {
    process.kill(pid, "SIGCONT");
  }
  result.back = Boolean(await poll(30_000, async () => !(await is_stale())));
}
await finish(browser, { ...result, ...log });
