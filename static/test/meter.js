/** What a page is handed and does, counted in the page. None of it depends on how fast the machine is. */

/** @import { Page } from 'playwright-core' */

/**
 * @typedef {object} Counts
 * @property {number} parsed characters of the longest text that the page has parsed as JSON
 * @property {number} handed characters of the largest part that the worker has sent to it, as JSON
 * @property {number} crowded frames with more than one drawing
 * @property {string[]} asked what it has asked the server for by itself
 * @property {number} longest time between two animation frames, in milliseconds, which does depend on the machine
 */

/** Counts from the beginning. Call it before the page is opened. @param {Page} page */
export async function count(page) {
  await page.addInitScript(() => {
    const counts = { parsed: 0, handed: 0, crowded: 0, asked: /** @type {string[]} */ ([]), longest: 0 };
    const { parse } = JSON;
    JSON.parse = (text, reviver) => {
      counts.parsed = Math.max(counts.parsed, String(text).length);
      return parse(text, reviver);
    };
    const { fetch, EventSource, Worker } = window;
    window.fetch = (what, how) => {
      counts.asked.push(String(what));
      return fetch(what, how);
    };
    window.EventSource = class extends EventSource {
      /** @param {string | URL} url */
      constructor(url) {
        super(url);
        counts.asked.push(String(url));
      }
    };
    window.Worker = class extends Worker {
      /** @param {string | URL} url @param {WorkerOptions} [options] */
      constructor(url, options) {
        super(url, options);
        this.addEventListener('message', ({ data }) => { counts.handed = Math.max(counts.handed, JSON.stringify(data).length); });
      }
    };
    /** @type {any} */ let frame = null;
    new MutationObserver(() => {
      if (document.timeline.currentTime === frame) counts.crowded++;
      frame = document.timeline.currentTime;
    }).observe(document, { subtree: true, attributeFilter: ['data-draws'] });
    let last = performance.now();
    const tick = (/** @type {number} */ now) => {
      counts.longest = Math.max(counts.longest, now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    Object.assign(window, { counts });
  });
}

/** @param {Page} page @returns {Promise<Counts>} */
export function counted(page) { return page.evaluate(() => /** @type {any} */ (window).counts); }
