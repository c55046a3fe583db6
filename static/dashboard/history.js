/** What a server has kept of a stream, with the times of its documents. */

const ROOM = 6_000_000; // characters of one request
const QUIET = 400; // milliseconds without a line after which there is no more
const LONGEST = 5000; // milliseconds until the first line

/** @typedef {{stream: string, id: string, at: number, raw: string}} Kept a document that the server has kept */

/**
 * load gets the kept documents of streams, as lines of JSON, because an event stream has no times. The first line tells when
 * the newest document of each stream was made. It ends with those, or when nothing more comes, or when there is too much.
 * @param {string[]} streams
 * @param {string} since a duration, such as `600s`
 * @param {AbortSignal} signal
 * @param {(kept: Kept) => void} take
 * @returns {Promise<boolean>} whether it has all of them
 */
export async function load(streams, since, signal, take) {
  const end = new AbortController();
  try {
    const url = `../api/sse?stream=${streams.map(encodeURIComponent).join(',')}&since=${since}&replay=all`;
    const response = await fetch(new URL(url, import.meta.url), { headers: { Accept: 'application/x-ndjson' }, signal: AbortSignal.any([signal, end.signal]) });
    if (!response.ok || !response.body || !response.headers.get('content-type')?.startsWith('application/x-ndjson')) return false;
    /** @type {Map<string, number> | null} */ let awaited = null;
    let rest = '';
    let seen = 0;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await within(reader.read(), awaited ? QUIET : LONGEST);
      if (done || value === undefined) return awaited !== null;
      seen += value.length;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const head = /^\{"event":"(\w+)"(?:,"id":"([^"]*)")?(?:,"stream":"([^"]*)")?(?:,"time":"([^"]*)")?,"data":/.exec(line);
        if (head?.[1] === 'hb') awaited ??= madeIn(line);
        if (head?.[1] !== 'message' || !head[4]) continue;
        const [, , id, stream, time] = head;
        take({ id, stream, at: Date.parse(time), raw: line.slice(head[0].length, -1) });
        if (Date.parse(time) >= (awaited?.get(stream) ?? 0)) awaited?.delete(stream);
      }
      if (awaited?.size === 0) return true;
      if (seen > ROOM) return false;
    }
  } catch {
    return false;
  } finally {
    end.abort();
  }
}

/**
 * What a promise becomes, or nothing if that takes too long.
 * @param {Promise<ReadableStreamReadResult<string>>} promise
 * @param {number} ms
 * @returns {Promise<{value?: string, done: boolean}>}
 */
function within(promise, ms) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve({ done: false }), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** When the newest document of each stream was made, in a heartbeat. @param {string} line */
function madeIn(line) {
  /** @type {Record<string, string>} */ const made = JSON.parse(line).data?.made ?? {};
  return new Map(Object.entries(made).map(([stream, time]) => [stream, Date.parse(time)]));
}

/**
 * sinceFor returns how far back to ask: for about as many documents as a chart shows.
 * @param {number | null} every milliseconds between polls; null if the stream is published to
 * @param {number} size of a document, in bytes
 */
export function sinceFor(every, size) {
  const documents = Math.max(2, Math.min(400, Math.floor(ROOM / 2 / Math.max(size, 1))));
  const ms = Math.max(60_000, Math.min((every ?? 3000) * documents, 86_400_000));
  return `${Math.round(ms / 1000)}s`;
}
