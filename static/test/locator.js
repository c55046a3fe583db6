/** What the shared tests use of the locators of playwright-core, for a page of puppeteer-core. */

import { setTimeout } from 'node:timers/promises';

/** @import * as types from 'puppeteer-core' */

export const PATIENCE = 30_000; // milliseconds, as playwright-core has it
export const LOOK = 50; // milliseconds between two looks

/** Elements that have a text, or have no elements in them. @typedef {{hasText?: string, hasNot?: Locator}} Filter */

/**
 * A step from elements to those that are meant: of those in them, or, of `hasText`, `without` and `nth`, of them.
 * @typedef {{selector?: string, role?: string, name?: string | {source: string}, label?: string, hasText?: string, without?: string, nth?: number}} Step
 */

/** Locator finds elements anew whenever it is used. */
export class Locator {
  #page;
  #steps;

  /**
   * @param {types.Page} page
   * @param {Step[]} steps
   */
  constructor(page, steps) {
    this.#page = page;
    this.#steps = steps;
  }

  /** @type {(selector: string, options?: Filter) => Locator} */
  locator(selector, options) { return this.#then({ selector }).filter(options); }
  /** @type {(role: string, options?: {name?: string | RegExp}) => Locator} */
  getByRole(role, { name } = {}) { return this.#then({ role, name: name instanceof RegExp ? { source: name.source } : name }); }
  /** @param {Filter} [options] */
  filter({ hasText, hasNot } = {}) {
    const within = hasNot && hasNot.#steps[0].selector;
    return this.#then(...(hasText === undefined ? [] : [{ hasText }]), ...(within === undefined ? [] : [{ without: within }]));
  }
  first() { return this.nth(0); }
  last() { return this.nth(-1); }
  /** The element with this number, from 0; -1 is the last one. @param {number} nth */
  nth(nth) { return this.#then({ nth }); }

  // Of all elements, without waiting.

  /** @type {(task: any, argument?: any) => Promise<any>} */
  async evaluateAll(task, argument) { return (await this.#found()).evaluate(task, argument); }
  /** @returns {Promise<string[]>} */
  allTextContents() { return this.evaluateAll((/** @type {Element[]} */ all) => all.map(({ textContent }) => textContent ?? '')); }
  /** @returns {Promise<number>} */
  count() { return this.evaluateAll((/** @type {Element[]} */ all) => all.length); }
  async all() { return Array.from({ length: await this.count() }, (_, i) => this.nth(i)); }
  /** @returns {Promise<boolean>} */
  isVisible() { return this.evaluateAll((/** @type {Element[]} */ [element]) => element?.checkVisibility({ visibilityProperty: true }) ?? false); }

  // Of the first element, for which they wait.

  /** @type {(task: any, argument?: any) => Promise<any>} */
  async evaluate(task, argument) { return (await this.#wait()).evaluate(task, argument); }
  /** @returns {Promise<string | null>} */
  textContent() { return this.evaluate((/** @type {Element} */ element) => element.textContent); }
  /** @type {(name: string) => Promise<string | null>} */
  getAttribute(name) { return this.evaluate((/** @type {Element} */ element, /** @type {string} */ name) => element.getAttribute(name), name); }
  /** @returns {Promise<boolean>} */
  isDisabled() { return this.evaluate((/** @type {HTMLButtonElement} */ element) => element.disabled); }
  /** @returns {Promise<string>} */
  inputValue() { return this.evaluate((/** @type {HTMLInputElement} */ element) => element.value); }
  async waitFor() { await this.#wait(true); }
  async click() { await (await this.#wait(true)).click(); }
  async focus() { await (await this.#wait()).focus(); }
  /** @type {(key: any) => Promise<void>} */
  async press(key) { await (await this.#wait()).press(key); }

  /** Sets the text of a field at once, as playwright-core does, which waits until it is visible: it has no focus before. @param {string} text */
  async fill(text) {
    await (await this.#wait(true)).evaluate((element, text) => {
      const field = /** @type {HTMLInputElement} */ (element);
      field.focus();
      field.value = text;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    }, text);
  }

  /** @param {Step[]} steps */
  #then(...steps) { return new Locator(this.#page, [...this.#steps, ...steps]); }

  #found() { return this.#page.evaluateHandle(find, this.#steps); }

  /**
   * @param {boolean} [visible]
   * @returns {Promise<types.ElementHandle>}
   */
  async #wait(visible = false) {
    for (const end = performance.now() + PATIENCE; ; await setTimeout(LOOK)) {
      // A page that is about to be another one can be looked at again.
      const found = await this.#found().catch(() => null);
      const first = await found?.evaluateHandle((all, visible) => all.find((element, i) => (visible ? element.checkVisibility({ visibilityProperty: true }) : i === 0)) ?? null, visible).catch(() => null);
      const element = first?.asElement();
      if (element) return /** @type {types.ElementHandle} */ (element);
      if (performance.now() > end) throw new Error(`waited ${PATIENCE} ms for ${JSON.stringify(this.#steps)}`);
    }
  }
}

/**
 * The elements to which steps lead. It is evaluated in the page.
 * @param {Step[]} steps
 * @returns {Element[]}
 */
function find(steps) {
  const ROLES = /** @type {Record<string, string>} */ ({ button: 'button', link: 'a', tab: '[role="tab"]' });
  const words = (/** @type {Element} */ element) => (element.textContent ?? '').replace(/\s+/g, ' ').trim();
  const called = (/** @type {Element} */ element, /** @type {Step['name']} */ name) => {
    const names = [element.getAttribute('aria-label'), words(element)];
    return name === undefined || names.some(each => each !== null && (typeof name === 'string' ? each === name : new RegExp(name.source).test(each)));
  };
  const labelled = (/** @type {string} */ label) => [...document.querySelectorAll('[aria-label]')].filter(element => element.getAttribute('aria-label') === label)
    .concat([...document.querySelectorAll('label')].filter(element => words(element) === label).flatMap(({ control }) => control ?? []));
  /** @type {(Element | Document)[]} */ let found = [document];
  for (const { selector, role, name, label, hasText, without, nth } of steps) {
    const within = (/** @type {string} */ selector) => [...new Set(found.flatMap(element => [...element.querySelectorAll(selector)]))];
    const elements = /** @type {Element[]} */ (found);
    if (label !== undefined) found = labelled(label);
    else if (role !== undefined) found = within(ROLES[role] ?? `[role="${role}"]`).filter(element => element.checkVisibility({ visibilityProperty: true }) && called(element, name));
    else if (selector !== undefined) found = within(selector);
    else if (hasText !== undefined) found = elements.filter(element => words(element).toLowerCase().includes(hasText.toLowerCase()));
    else if (without !== undefined) found = elements.filter(element => !element.querySelector(without));
    else if (nth !== undefined) found = elements.slice(nth, nth + 1 || undefined);
  }
  return /** @type {Element[]} */ (found);
}
