/**
 * Measures how responsive the dashboard stays, in Chromium:
 *
 *     npm run bench
 *
 * Prints for each load how many drawings there were, the longest frame (the longest time between two animation frames), the
 * longest task of the page's main thread, by the clock and by processor time, and the processor time of the main thread for
 * each drawing and of the worker in all. The times by the clock depend on what else the machine does: the load average of the
 * last minute is printed too. `test/load.test.js` checks what does not depend on it.
 */

import { loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { launch, open } from '../test/browser.js';
import { SAMPLES } from '../test/samples.js';
import { TestServer, event, mock } from '../test/server.js';

/** @import { Page } from 'playwright-core' */

/** @typedef {{name: string, cat: string, ph: string, pid: number, tid: number, ts: number, dur?: number, tdur?: number, args: any}} Traced times in microseconds */

const CATEGORIES = ['toplevel', 'blink.user_timing', '__metadata'];
const EVENTS = 5000;

/** @param {string} name @returns {(n: number) => any} */
const sample = name => SAMPLES.find(each => each.name === name)?.make ?? mock;

const server = await new TestServer().start();
const browser = await launch();
try {
  console.log('load'.padEnd(34), 'drawings  longest frame  longest task  its CPU  CPU a drawing  CPU of the worker');
  await measure('1,000 events/s, 95 B', event('e-0', mock(0)), page => rush(page, mock));
  await measure('1,000 events/s, a list of 2.5 kB', event('e-0', sample('quotes')(0)), page => rush(page, n => sample('quotes')(n % 50)));
  const large = Array.from({ length: 7 }, (_, n) => event(`e-${n}`, sample('large')(n)));
  await measure('10 MB, six documents', large[0], async page => {
    for (let n = 1; n < large.length; n++) {
      server.send(large[n]);
      await arrived(page, `e-${n}`);
      await setTimeout(300);
    }
  });
  await measure('10 MB, used while documents come', large[0], use);
  console.log(`load average ${loadavg()[0].toFixed(1)}`);
} finally {
  await browser.close();
  await server.stop();
}

/**
 * Opens the page, and prints how it does while something happens.
 * @param {string} name
 * @param {string} first event
 * @param {(page: Page) => Promise<void>} happen
 */
async function measure(name, first, happen) {
  server.answer = response => server.open(response, first);
  const { page } = await open(browser, { viewport: { width: 1440, height: 1000 } });
  await page.goto(server.origin);
  await page.locator('#log .event').first().waitFor({ timeout: 120_000 });
  await page.locator('.gridrow, .leaf').first().waitFor();
  await setTimeout(1000); // the page has been opened
  await browser.startTracing(page, { categories: CATEGORIES });
  await page.evaluate(() => {
    const made = Object.assign(window, { longest: 0, drawn: Number(document.documentElement.dataset.draws) });
    performance.mark('measured');
    let last = performance.now();
    const tick = (/** @type {number} */ now) => {
      made.longest = Math.max(made.longest, now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  await happen(page);
  const { longest, draws } = await page.evaluate(() => {
    const { longest, drawn } = /** @type {any} */ (window);
    return { longest, draws: Number(document.documentElement.dataset.draws) - drawn };
  });
  const { task, cpu, main, worker } = tasks(JSON.parse(String(await browser.stopTracing())).traceEvents);
  const ms = (/** @type {number} */ n) => `${n.toFixed(1)} ms`;
  console.log(name.padEnd(34), String(draws).padStart(8), ms(longest).padStart(14), ms(task).padStart(13), ms(cpu).padStart(8), ms(main / Math.max(draws, 1)).padStart(14), ms(worker).padStart(18));
  await page.context().close();
}

/** The tasks of the page and of its worker since the mark, in milliseconds. @param {Traced[]} all */
function tasks(all) {
  const mark = all.find(({ name, cat }) => name === 'measured' && cat.includes('user_timing'));
  const names = new Map(all.filter(({ name }) => name === 'thread_name').map(({ pid, tid, args }) => [`${pid}/${tid}`, String(args.name)]));
  const found = { task: 0, cpu: 0, main: 0, worker: 0 };
  for (const { name, ph, pid, tid, ts, dur = 0, tdur = 0 } of all) {
    if (!mark || pid !== mark.pid || ts < mark.ts || ph !== 'X' || name !== 'ThreadControllerImpl::RunTask') continue;
    const thread = names.get(`${pid}/${tid}`) ?? '';
    if (thread === 'CrRendererMain') {
      found.task = Math.max(found.task, dur / 1000);
      found.cpu = Math.max(found.cpu, tdur / 1000);
      found.main += tdur / 1000;
    } else if (thread.startsWith('DedicatedWorker')) found.worker += tdur / 1000;
  }
  return found;
}

/**
 * Sends events, ten in each hundredth of a second.
 * @param {Page} page
 * @param {(n: number) => any} make
 */
async function rush(page, make) {
  const began = performance.now();
  for (let n = 0; n < EVENTS; n += 10) {
    server.send(Array.from({ length: 10 }, (_, i) => event(`e-${n + i + 1}`, make(n + i))).join(''));
    await setTimeout(Math.max(0, began + n - performance.now()));
  }
  await arrived(page, `e-${EVENTS}`);
}

/** Sorts, scrolls, unfolds, searches, opens and compares, while documents of 10 MB come. @param {Page} page */
async function use(page) {
  const make = sample('large');
  let n = 1;
  const next = async () => {
    server.send(event(`e-${n}`, make(n)));
    await arrived(page, `e-${n++}`);
  };
  await next();
  await page.getByRole('columnheader').filter({ hasText: 'battery' }).getByRole('button').click();
  await next();
  await page.locator('.table .list').hover();
  for (let i = 0; i < 10; i++) await page.mouse.wheel(0, 40_000);
  await page.getByRole('tab', { name: 'Tree' }).click();
  await page.locator('.leaf', { hasText: 'devices' }).first().click();
  await next();
  await page.getByLabel('Search the document').pressSequentially('technician 99');
  await next();
  await page.locator('#log .event button').first().click();
  await page.locator('.detail pre').waitFor();
  await page.getByRole('button', { name: 'Compare with newest' }).click();
  await next();
}

/** @type {(page: Page, id: string) => Promise<unknown>} */
function arrived(page, id) { return page.waitForSelector(`html[data-last-event-id="${id}"]`, { state: 'attached', timeout: 120_000 }); }
