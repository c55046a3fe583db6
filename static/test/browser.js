/** Debian's Chromium, driven by playwright-core. */

import { chromium } from 'playwright-core';

/** @import { Browser, BrowserContextOptions, LaunchOptions, Page } from 'playwright-core' */

const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

/**
 * Starts the Chromium that the environment variable CHROMIUM names; by default Debian's.
 * @param {LaunchOptions} [options]
 */
export function launch(options) {
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
