/** The page of the tests: components that use the hook, and a function to mount and unmount them. */

import { createElement as h, StrictMode, useRef, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { SseExample, usePollux } from '../client/react.js';

const query = new URLSearchParams(location.search);
const ORIGIN = query.get('origin') ?? ''; // the server of the streams, if it is not that of the page

/** @param {{id: string, url: string | null, options?: object}} props */
function Show({ id, url, options }) {
  const { value, status, error, lastEventId, updatedAt, madeAt, age } = usePollux(url, options);
  const text = JSON.stringify({ value, status, error: error?.kind ?? null, lastEventId, updated: updatedAt !== null });
  return h('p', { id, 'data-made-at': madeAt, 'data-age': age() }, text);
}

/** Two components with one URL. The second one can be removed, and the URL can be changed. */
function Pair() {
  const [url, setUrl] = useState('/api/sse');
  const [both, setBoth] = useState(true);
  return h('div', null,
    h(Show, { id: 'first', url, options: { silence: 45_000 } }),
    both && h(Show, { id: 'second', url, options: { silence: 45_000 } }),
    h('button', { id: 'fewer', onClick: () => setBoth(false) }),
    h('button', { id: 'other', onClick: () => setUrl('/api/sse?stream=other') }));
}

/** Components with keys of their own, in the order of the list, which `setKeys` changes. */
function Keys() {
  const [keys, setKeys] = useState(['BTC', 'ETH']);
  Object.assign(window, { setKeys });
  return h('div', null, keys.map(key => h(Show, { key, id: key, url: `${ORIGIN}/api/sse?stream=prices/${key}` })));
}

/** One component whose key `setKey` changes. */
function Key() {
  const [key, setKey] = useState('BTC');
  Object.assign(window, { setKey });
  return h(Show, { id: 'first', url: `/api/sse?stream=prices/${key}` });
}

/** Two components, each with a function for the token that it makes anew in each render. */
function Signed() {
  const [n, setN] = useState(1);
  const [both, setBoth] = useState(true);
  Object.assign(window, { setN, setBoth });
  return h('div', { id: 'rendered', 'data-n': n },
    both && h(Show, { id: 'second', url: '/api/sse', options: { token: () => `second-${n}` } }),
    h(Show, { id: 'first', url: '/api/sse', options: { token: async () => `first-${n}` } }));
}

/** One component whose token is a text, which `setToken` changes. */
function Fixed() {
  const [token, setToken] = useState('one');
  Object.assign(window, { setToken });
  return h(SseExample, { options: { token } });
}

/** A component that needs one part of the documents, one that needs all, and how often each was rendered. */
function Parts() {
  return h('div', null, h(Part), h(Whole));
}

function Part() {
  const renders = useRef(0);
  const { value, status } = usePollux('/api/sse', {
    select: (/** @type {any} */ document) => ({ wanted: document.wanted }), initial: { wanted: 'initial' },
  });
  return h('p', { id: 'part', 'data-renders': ++renders.current, 'data-status': status }, value?.wanted);
}

function Whole() {
  const renders = useRef(0);
  const { value } = usePollux('/api/sse');
  return h('p', { id: 'whole', 'data-renders': ++renders.current }, value?.other);
}

/** A second SseExample, which mounts when there is a value already. */
function Late() {
  const { value } = usePollux('/api/sse');
  return value && h(SseExample);
}

/** Components that share their stream with those of other tabs. */
function Tabs() {
  const [both, setBoth] = useState(true);
  Object.assign(window, { setBoth });
  return h('div', null,
    both && h(Show, { id: 'second', url: '/api/sse', options: { tabs: true } }),
    h(Show, { id: 'first', url: '/api/sse', options: { tabs: true } }));
}

const COMPONENTS = /** @type {Record<string, () => import('react').ReactNode>} */ ({
  pair: () => h(Pair),
  strict: () => h(StrictMode, null, h(Pair)),
  example: () => h(StrictMode, null, h(SseExample)),
  stream: () => h(StrictMode, null, h(SseExample, { url: query.get('url') ?? undefined, options: { token: query.get('token') ?? undefined } })),
  late: () => h(StrictMode, null, h(Late)),
  patch: () => h(StrictMode, null, h(Show, { id: 'first', url: '/api/sse?mode=patch' })),
  keys: () => h(Keys),
  'strict-keys': () => h(StrictMode, null, h(Keys)),
  key: () => h(StrictMode, null, h(Key)),
  signed: () => h(StrictMode, null, h(Signed)),
  fixed: () => h(StrictMode, null, h(Fixed)),
  parts: () => h(Parts),
  tabs: () => h(StrictMode, null, h(Tabs)),
  none: () => h(Show, { id: 'first', url: null }),
});

const root = createRoot(/** @type {HTMLElement} */ (document.getElementById('root')));
root.render(COMPONENTS[location.hash.slice(1)]());
Object.assign(window, { unmount: () => root.unmount() });
