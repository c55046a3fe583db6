/** A long list of which only the rows on show exist. */

import { selecting } from './dom.js';

const SPARE = 12; // rows above and below that exist too

/**
 * Rows shows a list in an element that scrolls. All rows have the same height, which is `--row` in the CSS of the element.
 * While somebody has selected text in it, nothing in it changes.
 * @template T
 */
export class Rows {
  #scroller;
  #sheet;
  #make;
  #fill;
  #want;
  /** @type {Map<number, HTMLElement>} */ #rows = new Map();
  #from = 0;
  #to = 0;
  #count = -1;
  #height = 0;
  #asking = false;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} sheet in it, which has the rows alone
   * @param {() => HTMLElement} make makes a row
   * @param {(row: HTMLElement, item: T, index: number) => void} fill
   * @param {(window: {from: number, to: number}) => void} want is called when other rows come on show
   */
  constructor(scroller, sheet, make, fill, want) {
    this.#scroller = scroller;
    this.#sheet = sheet;
    this.#make = make;
    this.#fill = fill;
    this.#want = want;
    scroller.addEventListener('scroll', () => this.#look(), { passive: true });
    new ResizeObserver(() => this.#look()).observe(scroller);
  }

  /** The height of a row. */
  get height() { return this.#height || 32; }

  /**
   * Shows a part of the list.
   * @param {number} count rows of the whole list
   * @param {number} from
   * @param {T[]} items from there on
   */
  show(count, from, items) {
    if (selecting(this.#sheet)) return;
    this.#measure();
    if (count !== this.#count) {
      this.#count = count;
      this.#sheet.style.height = `${count * this.height}px`;
    }
    const to = from + items.length;
    /** @type {HTMLElement[]} */ const spare = [];
    for (const [index, row] of this.#rows) {
      if (index >= from && index < to) continue;
      this.#rows.delete(index);
      spare.push(row);
    }
    items.forEach((item, i) => {
      const index = from + i;
      let row = this.#rows.get(index);
      if (!row) {
        row = spare.pop() ?? this.#make();
        this.#rows.set(index, row);
        row.style.transform = `translateY(${index * this.height}px)`;
        if (!row.isConnected) this.#sheet.append(row);
      }
      this.#fill(row, item, index);
    });
    for (const row of spare) row.remove();
    this.#look();
  }

  /**
   * The row of an index, if it exists.
   * @param {number} index
   */
  row(index) { return this.#rows.get(index); }

  /**
   * Scrolls until a row is on show.
   * @param {number} index
   */
  reveal(index) {
    const { scrollTop, clientHeight } = this.#scroller;
    const top = this.#sheet.offsetTop + index * this.height;
    const head = this.#sheet.offsetTop;
    if (top < scrollTop + head) this.#scroller.scrollTop = top - head;
    else if (top + this.height > scrollTop + clientHeight) this.#scroller.scrollTop = top + this.height - clientHeight;
  }

  #measure() {
    const height = parseFloat(getComputedStyle(this.#scroller).getPropertyValue('--row')) || 32;
    if (height === this.#height) return;
    this.#height = height;
    this.#count = -1;
    for (const [index, row] of this.#rows) row.style.transform = `translateY(${index * height}px)`;
  }

  /** Asks for other rows if the window has moved. */
  #look() {
    if (this.#asking) return;
    this.#asking = true;
    requestAnimationFrame(() => {
      this.#asking = false;
      this.#measure();
      const { scrollTop, clientHeight } = this.#scroller;
      const first = Math.floor(Math.max(0, scrollTop - this.#sheet.offsetTop) / this.height);
      const last = first + Math.ceil(clientHeight / this.height);
      if (first >= this.#from && last <= this.#to && this.#to - this.#from <= last - first + 4 * SPARE) return;
      this.#from = Math.max(0, first - SPARE);
      this.#to = last + SPARE;
      this.#want({ from: this.#from, to: this.#to });
    });
  }
}
