/** A line of numbers, drawn as SVG. */

/** @import { Point } from './series.js' */

const SVG = 'http://www.w3.org/2000/svg';
const MARGIN = { top: 14, right: 14, bottom: 14, left: 6 };

/**
 * Sparkline draws into an empty `<svg role="img">` and describes the line in its aria-label. It follows the size of the
 * element, one SVG unit for each CSS pixel, so that strokes and letters are not distorted.
 */
export class Sparkline {
  #svg;
  /** @type {Point[]} */ #points = [];
  #name = '';

  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.#svg = svg;
    new ResizeObserver(() => this.#render()).observe(svg);
  }

  /**
   * @param {string} name of the number
   * @param {Point[]} points oldest first
   */
  draw(name, points) {
    this.#name = name;
    this.#points = points;
    this.#svg.setAttribute('aria-label', this.#summary());
    this.#render();
  }

  #summary() {
    const values = this.#points.map(({ value }) => value);
    if (values.length === 0) return 'No values yet';
    const many = values.length === 1 ? 'One value' : `The last ${values.length} values`;
    return `${many} of ${this.#name}: lowest ${Math.min(...values)}, highest ${Math.max(...values)}, ` +
      `newest ${values[values.length - 1]}`;
  }

  #render() {
    const { clientWidth: width, clientHeight: height } = this.#svg;
    this.#svg.replaceChildren();
    if (width === 0 || height === 0 || this.#points.length === 0) return;
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${height}`);

    const values = this.#points.map(({ value }) => value);
    const low = Math.min(...values);
    const high = Math.max(...values);
    const label = Math.max(short(low).length, short(high).length) * 8 + 10;
    const right = width - MARGIN.right - label;
    const span = Math.max(values.length - 1, 1);
    const x = (/** @type {number} */ i) => (values.length === 1 ? right : MARGIN.left + (right - MARGIN.left) * i / span);
    // A constant line is drawn in the middle.
    const y = (/** @type {number} */ value) => {
      const share = high === low ? 0.5 : (value - low) / (high - low);
      return height - MARGIN.bottom - (height - MARGIN.top - MARGIN.bottom) * share;
    };

    for (const value of high === low ? [low] : [high, low]) {
      this.#add('line', { class: 'rule', x1: 0, x2: right + 8, y1: y(value), y2: y(value) });
      this.#add('text', { class: 'bound', x: width, y: y(value) + 4, 'text-anchor': 'end' }).textContent = short(value);
    }
    const line = values.map((value, i) => `${i ? 'L' : 'M'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join('');
    const floor = height - 1;
    this.#add('path', { class: 'area', d: `${line}L${right.toFixed(1)} ${floor}L${x(0).toFixed(1)} ${floor}Z` });
    this.#add('path', { class: 'line', d: line });
    const newest = values[values.length - 1];
    this.#add('circle', { class: 'halo', cx: right, cy: y(newest), r: 9 });
    this.#add('circle', { class: 'newest', cx: right, cy: y(newest), r: 4.5 });
  }

  /**
   * @param {string} tag
   * @param {Record<string, string | number>} attributes
   */
  #add(tag, attributes) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    this.#svg.append(element);
    return element;
  }
}

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 });

/** @param {number} value */
function short(value) {
  return Math.abs(value) >= 1e5 ? compact.format(value) : String(Number(value.toPrecision(5)));
}
