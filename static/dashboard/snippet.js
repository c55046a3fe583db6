/** Code to copy, with the address of this server. */

/**
 * inQuery encodes the name of a stream for a URL in the code: without a quote, which would end a string of the shell or of
 * JavaScript, and with the slash before a key, which a query may have.
 * @param {string} name
 */
export function inQuery(name) {
  return encodeURIComponent(name).replaceAll("'", '%27').replaceAll('%2F', '/');
}

/**
 * snippets returns the code by the id of the element that shows it.
 * @param {string} base the URL of the dashboard, with a final slash
 * @param {string} endpoint the stream, relative to it
 * @returns {Record<string, string>}
 */
export function snippets(base, endpoint) {
  const url = base + endpoint;
  return {
    'snippet-curl': `curl -N '${url}'`,
    'snippet-html': [
      '<script type="module">',
      `  import { EventStream } from '${base}client/pollux.js';`,
      `  const stream = new EventStream('${url}');`,
      "  stream.addEventListener('value', () => console.log(stream.value));",
      '</script>',
    ].join('\n'),
    'snippet-react': [
      `import { usePollux } from '${base}client/react.js';`,
      '',
      'export function Live() {',
      `  const { value, status } = usePollux('${url}');`,
      '  return <p>{status}: {JSON.stringify(value)}</p>;',
      '}',
    ].join('\n'),
  };
}

/**
 * copy copies the text of an element to the clipboard. Browsers allow that only on HTTPS and localhost; elsewhere it
 * selects the text.
 * @param {HTMLElement} element
 * @returns {Promise<string>} what to tell the user
 */
export async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent ?? '');
    return 'Copied.';
  } catch {
    getSelection()?.selectAllChildren(element);
    return 'Selected: press Ctrl+C or ⌘C to copy.';
  }
}
