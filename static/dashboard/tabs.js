/** Tabs, along which the arrow keys move. */

/**
 * arrows lets the arrow keys move along tabs.
 * @param {HTMLElement} tabs
 * @param {(n: number) => void} show
 */
export function arrows(tabs, show) {
  tabs.addEventListener('keydown', event => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const at = [...tabs.children].indexOf(/** @type {Element} */ (document.activeElement));
    if (by === 0 || at < 0) return;
    const next = (at + by + tabs.children.length) % tabs.children.length;
    show(next);
    /** @type {HTMLElement} */ (tabs.children[next]).focus();
    event.preventDefault();
  });
}
