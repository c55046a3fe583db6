/**
 * An element that shows a stream, without a line of code:
 *
 *     <pollux-stream src="/api/sse" path="/message"></pollux-stream>
 *
 * The attributes are the truth: `src` is the URL of the stream, by default `/api/sse`; `stream` its name, if the URL has
 * none; `path` a JSON Pointer to the part that is shown, by default the whole document. Another value of `src` or `stream`
 * is another connection. The element has the state of the stream as `data-state`, for CSS.
 *
 * A `<template>` inside gives the shape. Each element of it with `data-path` gets the text at that JSON Pointer, which
 * begins at the part that is shown. If that part is an array, there is a copy for each of its members:
 *
 *     <pollux-stream path="/prices"><template><p><b data-path="/name"></b> <i data-path="/price"></i></p></template></pollux-stream>
 *
 * Everything is shown as text, and never as HTML or code. The element changes at most once in a frame. `define.js` defines
 * it as `pollux-stream`; this module only has the class, which can be imported on a server.
 */

import { EventStream } from './pollux.js';
import { withQuery } from './query.js';

const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

/** PolluxStream has the connection while it is in a document. */
export class PolluxStream extends Base {
  static observedAttributes = ['src', 'stream', 'path'];

  /** @type {EventStream | null} */ #stream = null;
  /** What was made of the template. @type {Node[]} */ #copies = [];
  #due = false;

  /** The stream; null while the element is in no document. */
  get source() { return this.#stream; }

  connectedCallback() { this.#open(); }

  disconnectedCallback() {
    this.#stream?.close();
    this.#stream = null;
  }

  /**
   * @param {string} name
   * @param {string | null} old
   * @param {string | null} value
   */
  attributeChangedCallback(name, old, value) {
    if (!this.#stream || old === value) return;
    if (name === 'path') this.#draw();
    else this.#open();
  }

  #open() {
    this.#stream?.close();
    const name = this.getAttribute('stream');
    const src = this.getAttribute('src') ?? '/api/sse';
    const stream = this.#stream = new EventStream(name ? withQuery(src, { stream: name }) : src);
    for (const type of /** @type {const} */ (['state', 'value'])) stream.addEventListener(type, () => this.#draw());
    this.#draw();
  }

  /** Draws in the next frame. */
  #draw() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      if (this.#stream) this.#show(this.#stream);
    });
  }

  /** @param {EventStream} stream */
  #show(stream) {
    this.dataset.state = stream.state;
    if (stream.updatedAt === null) return;
    const part = at(stream.value, this.getAttribute('path') ?? '');
    const template = this.querySelector('template');
    if (!template) {
      this.textContent = textOf(part);
      return;
    }
    for (const node of this.#copies) node.parentNode?.removeChild(node);
    this.#copies = (Array.isArray(part) ? part : [part]).flatMap(member => {
      const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
      for (const element of copy.querySelectorAll('[data-path]:not(script, style)')) { // whose text is code
        element.textContent = textOf(at(member, element.getAttribute('data-path') ?? ''));
      }
      return [...copy.childNodes];
    });
    this.append(...this.#copies);
  }
}

/**
 * The part of a document at a JSON Pointer (RFC 6901); undefined if there is none.
 * @param {any} document
 * @param {string} pointer
 */
export function at(document, pointer) {
  return pointer.split('/').slice(1).reduce((part, step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    return part !== null && typeof part === 'object' && Object.hasOwn(part, name) ? part[name] : undefined;
  }, document);
}

/** @param {any} part */
function textOf(part) {
  if (part === undefined || part === null) return '';
  return typeof part === 'object' ? JSON.stringify(part) : String(part);
}
