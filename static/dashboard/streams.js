/** The streams to choose from. */

const DEFAULT = 'default';

/**
 * names asks the server which streams there are.
 * @returns {Promise<string[]>} none when it does not answer
 */
export async function names() {
  try {
    const response = await fetch('api/streams');
    if (!response.ok) return [];
    /** @type {{ streams: { name: string }[] }} */
    const { streams } = await response.json();
    return streams.map(({ name }) => name);
  } catch {
    return []; // the dashboard tells of the lost connection already
  }
}

/**
 * elsewhere returns the stream to show instead of the one that was asked for, which there is not; null to stay.
 * @param {string[]} all
 * @param {string | null} chosen null for the default stream
 */
export function elsewhere(all, chosen) {
  if (chosen !== null || all.length === 0 || all.includes(DEFAULT)) return null;
  return all.find(name => !name.startsWith('_')) ?? all[0];
}

/**
 * fill offers the streams, when there are several.
 * @param {HTMLSelectElement} select
 * @param {string[]} all
 * @param {string | null} chosen
 */
export function fill(select, all, chosen) {
  const current = chosen ?? DEFAULT;
  select.replaceChildren(...all.map(name => new Option(name, name, false, name === current)));
  if (select.parentElement) select.parentElement.hidden = all.length < 2;
}
