/** Debian's Chromium, driven by playwright-core, or its Firefox (`firefox.js`). */

import { chromium } from 'playwright-core';

/** @import { Browser, BrowserContextOptions, LaunchOptions, Page } from 'playwright-core' */

const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

/**
 * Starts the browser that the environment variable TEST_BROWSER names: `chromium`, which is the default, or `firefox`. Their
 * programs are Debian's, or those that CHROMIUM and FIREFOX name.
 * @param {LaunchOptions} [options] for Chromium
 */
export async function launch(options) {
  const name = process.env.TEST_BROWSER || 'chromium';
  if (name === 'firefox') return (await import('./firefox.js')).launchFirefox();
  if (name !== 'chromium') throw new Error(`TEST_BROWSER is ${name}, want chromium or firefox`);
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: QUIET, ...options });
}

/**
 * Opens a page that records its complaints: console errors, exceptions, violations of the policy.
 * @param {Browser} browser
 * @param {BrowserContextOptions} [options]
 * @returns {Promise<{page: Page, complaints: string[]}>}
 */
export async function open(browser, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', error => complaints.push(`exception: ${error}`));
  await page.exposeFunction('complain', (/** @type {string} */ text) => complaints.push(text));
  await page.addInitScript(() => addEventListener('securitypolicyviolation', event => {
    /** @type {any} */ (window).complain(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
  }));
  return { page, complaints };
}
