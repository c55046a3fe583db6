/**
 * Debian's Firefox, driven by puppeteer-core, with as much of the interface of playwright-core as the shared tests use. So
 * each test is written once, for both browsers.
 */

import { setTimeout } from 'node:timers/promises';
import puppeteer from 'puppeteer-core';
import { LOOK, Locator, PATIENCE } from './locator.js';

/** @import * as playwright from 'playwright-core' */
/** @import * as types from 'puppeteer-core' */
/** @import { Filter } from './locator.js' */

const VIEWPORT = { width: 1280, height: 720 }; // as playwright-core has it
/** What Firefox reports as if a script had thrown it, and Chromium on the console: a connection of an EventSource has failed. */
const FAILED = /Firefox can’t establish a connection|The connection to .* was interrupted/;

/** What Chromium is told by the tests for each page, Firefox is told once. */
const LIKINGS = {
  'ui.prefersReducedMotion': 1,
  'dom.events.testing.asyncClipboard': true, // a page may read the clipboard
};

/**
 * Starts the Firefox that the environment variable FIREFOX names; by default Debian's.
 * @returns {Promise<playwright.Browser>}
 */
export async function launchFirefox() {
  const browser = await puppeteer.launch({
    browser: 'firefox', executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr', headless: true,
    extraPrefsFirefox: LIKINGS, env: { ...process.env, TZ: 'UTC' },
  });
  return /** @type {any} */ (new Browser(browser));
}

class Browser {
  /** @type {Set<Context>} */ #contexts = new Set();

  /** @param {types.Browser} browser */
  constructor(browser) { this.browser = browser; }

  browserType() { return { name: () => 'firefox' }; }

  contexts() { return [...this.#contexts]; }

  /** @param {{viewport?: {width: number, height: number}}} [options] of which the others say how Chromium looks */
  async newContext({ viewport = VIEWPORT } = {}) {
    const context = new Context(await this.browser.createBrowserContext(), viewport, () => this.#contexts.delete(context));
    this.#contexts.add(context);
    return context;
  }

  close() { return this.browser.close(); }
}

class Context {
  /**
   * @param {types.BrowserContext} context
   * @param {{width: number, height: number}} viewport
   * @param {() => void} closed
   */
  constructor(context, viewport, closed) {
    this.context = context;
    this.viewport = viewport;
    this.closed = closed;
  }

  /**
   * Opens a window. A tab would hide the page before it, and Firefox draws a hidden page less and less often: after a minute,
   * once a minute. In Chromium every page is visible. puppeteer-core has no public method for it.
   */
  async newPage() {
    const { id } = await /** @type {any} */ (this.context).userContext.createBrowsingContext('window');
    const page = /** @type {types.Page} */ ((await this.context.pages()).find(page => /** @type {any} */ (page.mainFrame())._id === id));
    await page.setViewport(this.viewport);
    return new Page(page, this);
  }

  async close() {
    this.closed();
    await this.context.close();
  }
}

class Page {
  #context;
  #patience = PATIENCE;

  /**
   * @param {types.Page} page
   * @param {Context} context
   */
  constructor(page, context) {
    this.page = page;
    this.#context = context;
  }

  context() { return this.#context; }
  url() { return this.page.url(); }
  close() { return this.page.close(); }
  title() { return this.page.title(); }
  goBack() { return this.page.goBack(); }
  /** @param {string} url */
  goto(url) { return this.page.goto(url); }
  /** @param {number} timeout */
  setDefaultTimeout(timeout) { this.#patience = timeout; }

  /**
   * @param {any} task
   * @param {any} [argument]
   * @returns {Promise<any>}
   */
  evaluate(task, argument) { return this.page.evaluate(task, argument); }

  /** @type {(task: any, argument?: any) => Promise<unknown>} */
  addInitScript(task, argument) { return this.page.evaluateOnNewDocument(task, argument); }

  /** @type {(name: string, task: any) => Promise<void>} */
  exposeFunction(name, task) { return this.page.exposeFunction(name, task); }

  /**
   * @param {any} condition
   * @param {any} [argument]
   * @param {{timeout?: number}} [options]
   */
  async waitForFunction(condition, argument, { timeout = this.#patience } = {}) {
    // A page that is about to be another one can be looked at again.
    /** @type {unknown} */ let cause;
    const looked = `(async () => !!await (${condition})(${JSON.stringify(argument)}))()`; // an element would not come back
    const holds = () => this.page.evaluate(looked).catch(error => { cause = error; });
    for (const end = performance.now() + timeout; !await holds(); await setTimeout(LOOK)) {
      if (performance.now() > end) throw new Error(`waited ${timeout} ms for ${condition}`, { cause });
    }
  }

  /**
   * @param {string} selector
   * @param {{state?: 'visible' | 'attached' | 'detached', timeout?: number}} [options]
   */
  waitForSelector(selector, { state = 'visible', timeout } = {}) {
    return this.waitForFunction((/** @type {any} */ { selector, there }) => (document.querySelector(selector) !== null) === there,
      { selector, there: state !== 'detached' }, { timeout });
  }

  /** @type {(selector: string, options?: Filter) => Locator} */
  locator(selector, options) { return new Locator(this.page, []).locator(selector, options); }
  /** @param {string} label the text of a label with the attribute `for`, or an attribute */
  getByLabel(label) { return new Locator(this.page, [{ label }]); }
  /** @type {(role: string, options?: {name?: string | RegExp}) => Locator} */
  getByRole(role, options) { return new Locator(this.page, []).getByRole(role, options); }

  /** The next message of the console for which a predicate holds. @type {(type: 'console', options: {predicate: (message: any) => boolean}) => Promise<any>} */
  waitForEvent(type, { predicate }) {
    return new Promise(resolve => this.page.on(type, message => {
      const told = { type: () => message.type(), args: () => message.args() };
      if (predicate(told)) resolve(told);
    }));
  }

  get keyboard() { return this.page.keyboard; }

  /** @type {(selector: string, name: string) => Promise<string | null>} */
  getAttribute(selector, name) { return this.locator(selector).getAttribute(name); }

  /**
   * Calls back with what playwright-core would give.
   * @param {'console' | 'pageerror' | 'request'} type
   * @param {(what: any) => void} listener
   */
  on(type, listener) {
    if (type === 'request') this.page.on(type, listener);
    else if (type === 'pageerror') {
      this.page.on(type, (/** @type {any} */ error) => { if (!FAILED.test(error)) listener(error); });
    } else {
      const tell = (/** @type {string} */ type, /** @type {string} */ text) => listener({ type: () => type, text: () => text });
      this.page.on(type, message => tell(message.type() === 'warn' ? 'warning' : message.type(), message.text()));
      this.page.on('pageerror', (/** @type {any} */ error) => { if (FAILED.test(error)) tell('error', `Failed to load resource: ${error.message}`); });
    }
  }
}
