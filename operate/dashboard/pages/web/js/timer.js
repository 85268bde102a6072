// Does something again and again while its page is there and looked at.

import { problem } from './api.js';

// every calls act at once, and then after each time that wait says (of what act returned), until
// the signal. A fault is shown in box until it is over. It returns what has it act soon, and a promise
// of the first time. Soon is after a tenth of that time at least: however often now is called, it
// neither acts all the time nor never.
export function every(act, wait, signal, box) {
  let timer = 0;
  let soon = false;
  let next = 0; // not before
  let busy = false;
  let wanted = false;
  let shown = null;

  async function run() {
    clearTimeout(timer);
    soon = false;
    if (signal.aborted) return;
    if (busy) { wanted = true; return; }
    busy = true;
    wanted = false;
    let result;
    try {
      if (!document.hidden) result = await act();
      shown?.remove();
      shown = null;
    } catch (fault) {
      if (signal.aborted || fault.status === 401) return;
      if (shown?.textContent !== problem(fault).textContent) {
        shown?.remove();
        shown = problem(fault);
        box.prepend(shown);
      }
    } finally {
      busy = false;
    }
    if (signal.aborted) return;
    const full = wait(result);
    next = performance.now() + full / 10;
    if (wanted) hurry();
    else timer = setTimeout(run, full);
  }

  function hurry() {
    if (soon) return;
    soon = true;
    clearTimeout(timer);
    timer = setTimeout(run, Math.max(100, next - performance.now()));
  }
  signal.addEventListener('abort', () => clearTimeout(timer));
  document.addEventListener('visibilitychange', () => { if (!document.hidden) run(); }, { signal });
  return {
    first: run(),
    now() {
      if (busy) { wanted = true; return; }
      hurry();
    },
  };
}
