/** Elements of the page. All text is set as text, never as HTML. */

/** @typedef {string | Node | null | undefined | false} Child */

/**
 * h makes an element. An attribute that is false or missing is left out, and one that is true is empty.
 * @param {string} tag and classes: `p.age`
 * @param {Record<string, string | number | boolean | null | undefined>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const node = document.createElement(name);
  if (classes.length > 0) node.className = classes.join(' ');
  set(node, attributes);
  for (const child of children) if (child || child === '') node.append(child);
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * s makes an element of SVG.
 * @param {string} tag
 * @param {Record<string, string | number | boolean | null | undefined>} [attributes]
 * @param {...Child} children
 */
export function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  set(node, attributes);
  for (const child of children) if (child) node.append(child);
  return node;
}

/**
 * icon shows a symbol of the page, which says nothing that the text beside it does not.
 * @param {string} name
 */
export function icon(name) { return s('svg', { class: 'icon', 'aria-hidden': 'true' }, s('use', { href: `#icon-${name}` })); }

/**
 * set sets those attributes that differ.
 * @param {Element} node
 * @param {Record<string, string | number | boolean | null | undefined>} attributes
 */
export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) node.removeAttribute(name);
    else {
      const text = value === true ? '' : String(value);
      if (node.getAttribute(name) !== text) node.setAttribute(name, text);
    }
  }
}

/**
 * say sets a text only if it differs, so that no selection is lost, and screen readers do not read it twice.
 * @param {Element} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * selecting reports whether somebody has selected text in an element.
 * @param {Element} node
 */
export function selecting(node) {
  const selection = getSelection();
  return selection !== null && !selection.isCollapsed && selection.rangeCount > 0 && selection.getRangeAt(0).intersectsNode(node);
}

/**
 * find returns an element that index.html has.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function find(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`dashboard: index.html has no element #${id}`);
  return found;
}

/**
 * copy copies a text to the clipboard. Browsers allow that only on HTTPS and localhost; elsewhere `instead` is selected.
 * @param {string} text
 * @param {HTMLElement} [instead] which shows the text
 * @returns {Promise<string>} what to tell the user
 */
export async function copy(text, instead) {
  try {
    await navigator.clipboard.writeText(text);
    return 'Copied.';
  } catch {
    if (!instead) return 'This browser does not allow to copy here.';
    getSelection()?.selectAllChildren(instead);
    return 'Selected: press Ctrl+C or ⌘C to copy.';
  }
}
