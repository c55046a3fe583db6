/** Values over time, on one axis of time. */

import { h, s, say, set } from './dom.js';
import { briefNumber, grouped } from './kinds.js';
import { clock, span, ticks } from './time.js';
import { toneOf } from './tones.js';

/** @import { Field } from './watch.js' */

// In units of the picture, of which a text of the page has 16.
const EDGE = { top: 10, bottom: 22, left: 10 };
const GAP = 16; // between bands
const SHORTEST = 1000; // milliseconds of the axis

/** Chart draws each value in a band of its own, because their units differ; those of the same name and size share one. */
export class Chart {
  /** The element. */ node;
  #svg;
  #legend;
  #reading;
  /** @type {Field[]} */ #fields = [];
  #until = 0;
  /** Where the pointer is. @type {number | null} */ #at = null;
  /** @type {(path: string) => void} */ #unpin;
  #scale = { from: 0, to: 1, right: 1 };
  #drawn = '';
  #unit = 1; // pixels

  /** @param {(path: string) => void} unpin is called when somebody does not want a value any more */
  constructor(unpin) {
    this.#unpin = unpin;
    this.#svg = s('svg', { role: 'img', 'aria-label': 'No values yet' });
    this.#legend = h('ul.legend');
    this.#reading = h('p.reading', { 'aria-hidden': 'true' });
    this.node = h('figure.chart', {}, h('div.over', {}, this.#legend, this.#reading), /** @type {any} */ (this.#svg));
    new ResizeObserver(() => this.#render()).observe(this.#svg);
    this.#svg.addEventListener('pointermove', event => this.#point(/** @type {PointerEvent} */ (event).offsetX / this.#unit));
    this.#svg.addEventListener('pointerleave', () => this.#point(null));
  }

  /**
   * @param {Field[]} fields
   * @param {number} until the time of the server
   * @param {boolean} pinned whether somebody has chosen them
   */
  draw(fields, until, pinned) {
    this.#fields = fields.filter(({ course, past }) => course.length >= 2 || past.length > 0);
    this.#until = until;
    this.node.hidden = this.#fields.length === 0; // the headline has its room
    this.#list(pinned);
    set(this.#svg, { 'aria-label': this.#fields.map(summary).join('. ') || 'No values yet' });
    this.#render();
  }

  /** @param {boolean} pinned */
  #list(pinned) {
    const key = JSON.stringify([pinned, this.#fields.map(({ path, label }) => [path, label])]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    this.#legend.replaceChildren(...this.#fields.map(({ path, label }, i) => {
      const button = pinned && h('button.quiet', { type: 'button', 'aria-label': `Remove ${label} from the chart` }, '×');
      if (button) button.addEventListener('click', () => this.#unpin(path));
      return h('li', { 'data-series': i % 6 }, h('span.key', { 'aria-hidden': 'true' }), h('span', {}, label), button);
    }));
  }

  /** @param {number | null} x */
  #point(x) {
    const { from, to, right } = this.#scale;
    this.#at = x === null || x > right ? null : from + Math.max(0, x - EDGE.left) / (right - EDGE.left) * (to - from);
    this.#render();
  }

  #render() {
    this.#unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    const [width, height] = [this.#svg.clientWidth / this.#unit, this.#svg.clientHeight / this.#unit];
    this.#svg.replaceChildren();
    say(this.#reading, '');
    if (width === 0 || height === 0 || this.#fields.length === 0) return;
    set(this.#svg, { viewBox: `0 0 ${width} ${height}` });
    const times = this.#fields.map(({ course, past }) => Number((course.length > 0 ? course : past)[0]));
    const to = Math.max(this.#until, ...this.#fields.map(({ course }) => course[course.length - 2] ?? 0));
    const from = Math.min(...times, to - SHORTEST);
    const bands = grouping(this.#fields);
    const label = Math.max(36, ...bands.map(band => bounds(band).map(each => briefNumber(each).length * 7.5 + 10)).flat());
    const right = width - label;
    this.#scale = { from, to, right };
    const x = (/** @type {number} */ at) => EDGE.left + (at - from) / (to - from) * (right - EDGE.left);
    for (const { at, text } of ticks(from, to, Math.max(2, Math.floor(width / 110)))) {
      this.#svg.append(s('line', { class: 'tick', x1: x(at), x2: x(at), y1: EDGE.top, y2: height - EDGE.bottom }),
        s('text', { class: 'time', x: x(at), y: height - 5, 'text-anchor': x(at) < 24 ? 'start' : x(at) > right - 24 ? 'end' : 'middle' }, text));
    }
    const tall = (height - EDGE.top - EDGE.bottom - GAP * (bands.length - 1)) / bands.length;
    bands.forEach((band, n) => {
      const top = EDGE.top + n * (tall + GAP);
      if (band[0].course.length > 0) this.#lines(band, top, tall, x, right, width);
      else this.#strip(band[0], top, tall, x, to);
    });
    this.#cross(x, height);
  }

  /**
   * @param {Field[]} band
   * @param {number} top
   * @param {number} tall
   * @param {(at: number) => number} x
   * @param {number} right
   * @param {number} width
   */
  #lines(band, top, tall, x, right, width) {
    const [low, high] = bounds(band);
    const y = (/** @type {number} */ value) => top + (high === low ? tall / 2 : tall - (value - low) / (high - low) * tall);
    for (const value of high === low ? [low] : [high, low]) {
      this.#svg.append(s('line', { class: 'rule', x1: EDGE.left, x2: right, y1: y(value), y2: y(value) }),
        s('text', { class: 'bound', x: width - 2, y: y(value) + 4, 'text-anchor': 'end' }, briefNumber(value)));
    }
    for (const field of band) {
      const series = this.#fields.indexOf(field) % 6;
      const { course } = field;
      let d = '';
      for (let i = 0; i < course.length; i += 2) d += `${i ? 'L' : 'M'}${x(course[i]).toFixed(1)} ${y(course[i + 1]).toFixed(1)}`;
      const last = course.length - 2;
      if (band.length === 1) this.#svg.append(s('path', { class: 'area', d: `${d}V${top + tall}H${x(course[0]).toFixed(1)}Z`, 'data-series': series }));
      this.#svg.append(s('path', { class: 'line', d, 'data-series': series }),
        s('circle', { class: 'newest', cx: x(course[last]), cy: y(course[last + 1]), r: 3.5, 'data-series': series }));
    }
  }

  /**
   * The states of a value, one after the other.
   * @param {Field} field
   * @param {number} top
   * @param {number} tall
   * @param {(at: number) => number} x
   * @param {number} to
   */
  #strip({ past }, top, tall, x, to) {
    const thick = Math.min(tall, 44);
    for (let i = 0; i < past.length; i += 2) {
      const [begin, end] = [x(Number(past[i])), x(Number(past[i + 2] ?? to))];
      const text = String(past[i + 1]);
      const wide = Math.max(end - begin, 2);
      this.#svg.append(s('rect', { class: 'state', x: begin, y: top + (tall - thick) / 2, width: Math.max(wide - 1.5, 1.5), height: thick, rx: 4, 'data-tone': toneOf(text) },
        s('title', {}, `${text} since ${clock(Number(past[i]))}`)));
      const room = Math.floor((wide - 14) / 7.2);
      if (room < 3) continue;
      this.#svg.append(s('text', { class: 'word', x: begin + 8, y: top + tall / 2 + 4 }, text.length > room ? `${text.slice(0, room - 1)}…` : text));
    }
  }

  /**
   * The values at the pointer.
   * @param {(at: number) => number} x
   * @param {number} height
   */
  #cross(x, height) {
    const at = this.#at;
    if (at === null) return;
    this.#svg.append(s('line', { class: 'cross', x1: x(at), x2: x(at), y1: EDGE.top, y2: height - EDGE.bottom }));
    const values = this.#fields.map(({ label, course, past }) => {
      const pairs = course.length > 0 ? course : past;
      let i = pairs.length - 2;
      while (i > 0 && Number(pairs[i]) > at) i -= 2;
      return `${label} ${typeof pairs[i + 1] === 'number' ? grouped(String(pairs[i + 1])) : pairs[i + 1]}`;
    });
    say(this.#reading, [clock(at), ...values].join('   '));
  }
}

/**
 * Fields that share a band: of the same name and unit, and of a similar size.
 * @param {Field[]} fields
 */
function grouping(fields) {
  /** @type {Field[][]} */ const bands = [];
  for (const field of fields) {
    const band = bands.find(([first]) => field.course.length > 0 && first.course.length > 0 && lastName(first.path) === lastName(field.path) && first.unit === field.unit && near(first, field));
    if (band) band.push(field);
    else bands.push([field]);
  }
  return bands;
}

/** @param {string} path */
function lastName(path) { return path.slice(path.lastIndexOf('/')); }

/**
 * Whether two lines can be told apart on one scale, each with its own course.
 * @param {Field} a
 * @param {Field} b
 */
function near(a, b) {
  const [[low, high], [low1, high1], [low2, high2]] = [bounds([a, b]), bounds([a]), bounds([b])];
  const whole = high - low || 1;
  return whole <= 6 * Math.max(high1 - low1, whole / 100) && whole <= 6 * Math.max(high2 - low2, whole / 100);
}

/** @param {Field[]} band */
function bounds(band) {
  let [low, high] = [Infinity, -Infinity];
  for (const { course } of band) {
    for (let i = 1; i < course.length; i += 2) {
      low = Math.min(low, course[i]);
      high = Math.max(high, course[i]);
    }
  }
  return low > high ? [] : [low, high];
}

/** @param {Field} field */
function summary(field) {
  const { label, course, past, text } = field;
  if (course.length === 0) return `${label}: ${past.length / 2} states, newest ${text}`;
  const [low, high] = bounds([field]);
  return `${label}: lowest ${briefNumber(low)}, highest ${briefNumber(high)}, newest ${text}, over ${span(course[course.length - 2] - course[0])}`;
}
