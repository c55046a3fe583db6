/** The choice of a stream. */

const DEFAULT = 'default';

/**
 * names fetches the names of all streams.
 * @returns {Promise<string[]>} empty if the server does not answer
 */
export async function names() {
  try {
    const response = await fetch('api/streams');
    if (!response.ok) return [];
    /** @type {{ streams: { name: string }[] }} */
    const { streams } = await response.json();
    return streams.map(({ name }) => name);
  } catch {
    return []; // the dashboard already shows the lost connection
  }
}

/**
 * elsewhere returns the stream to show instead of an unknown one; null if the chosen one is known.
 * @param {string[]} all
 * @param {string | null} chosen null for the default stream
 */
export function elsewhere(all, chosen) {
  if (chosen !== null || all.length === 0 || all.includes(DEFAULT)) return null;
  return all.find(name => !name.startsWith('_')) ?? all[0];
}

/**
 * fill lists the streams, if there are several.
 * @param {HTMLSelectElement} select
 * @param {string[]} all
 * @param {string | null} chosen
 */
export function fill(select, all, chosen) {
  const current = chosen ?? DEFAULT;
  select.replaceChildren(...all.map(name => new Option(name, name, false, name === current)));
  if (select.parentElement) select.parentElement.hidden = all.length < 2;
}
