/**
 * Twelve documents as real services send them, and their next versions: `make(n)` is version n, from 0 on. Each says what
 * somebody who knows these data wants to see first.
 */

/** A random number from [0, 1) that is the same for the same n. @param {number} n */
function chance(n) {
  let x = Math.imul(n ^ 0x9e3779b9, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}

/** The sum of small steps up and down. @param {number} n @param {number} seed */
function walk(n, seed) {
  let sum = 0;
  for (let i = 1; i <= n; i++) sum += chance(i * 7919 + seed) - 0.5;
  return sum;
}

/** @param {number} n @param {number} [step] seconds */
const at = (n, step = 60) => new Date(Date.UTC(2026, 10, 30, 18) + n * step * 1000);

const COMPONENTS = ['Git Operations', 'API Requests', 'Issues', 'Pull Requests', 'Actions', 'Packages', 'Pages', 'Codespaces', 'Copilot'];

/** @param {number} n */
function status(n) {
  const bad = n >= 5 && n < 9 ? 'degraded_performance' : n >= 9 ? 'partial_outage' : 'operational';
  return {
    page: { id: 'kctbh9vrtdwd', name: 'GitHub', url: 'https://www.githubstatus.com', time_zone: 'Etc/UTC', updated_at: at(n).toISOString() },
    components: COMPONENTS.map((name, i) => ({
      id: `c${i}8l4ltss46c`, name, status: name === 'Actions' ? bad : 'operational', created_at: '2017-01-31T20:05:05.370Z',
      updated_at: name === 'Actions' && n >= 5 ? at(n < 9 ? 5 : 9).toISOString() : '2026-11-02T09:11:00.000Z', position: i + 1, description: null, showcase: false, group: false,
    })),
    incidents: n < 6 ? [] : [{ id: 'p1', name: 'Delays starting Actions runs', status: n < 8 ? 'investigating' : 'identified', impact: 'minor', started_at: at(6).toISOString() }],
    scheduled_maintenances: [],
    status: n < 5 ? { indicator: 'none', description: 'All Systems Operational' } : n < 9 ? { indicator: 'minor', description: 'Minor Service Outage' } : { indicator: 'major', description: 'Partial System Outage' },
  };
}

const SYMBOLS = /** @type {[string, string, number][]} */ ([['AAPL', 'Apple', 271.4], ['MSFT', 'Microsoft', 512.2], ['NVDA', 'NVIDIA', 188.7], ['AMZN', 'Amazon', 231.1], ['GOOGL', 'Alphabet', 299.9],
  ['META', 'Meta', 640.3], ['TSLA', 'Tesla', 402.8], ['BRK.B', 'Berkshire Hathaway', 498.5], ['JPM', 'JPMorgan Chase', 301.7], ['V', 'Visa', 339.2], ['SAP', 'SAP', 244.6], ['ASML', 'ASML', 901.5]]);

/** @param {number} n */
function quotes(n) {
  return { quoteResponse: { result: SYMBOLS.map(([symbol, shortName, base], i) => {
    const moves = i % 3 === 0 || chance(n * 31 + i) > 0.4;
    const price = base * (1 + walk(moves ? n : n - 1, i * 101) / 400);
    return { symbol, shortName, currency: 'USD', marketState: 'REGULAR', regularMarketPrice: Number(price.toFixed(2)), regularMarketChangePercent: Number(((price / base - 1) * 100).toFixed(3)),
      regularMarketVolume: Math.floor(20_000_000 + n * 8000 * (i + 1) + chance(n + i) * 4000), regularMarketTime: Math.floor(at(n, 5).getTime() / 1000) };
  }), error: null } };
}

const PLACES = ['8 km W of Cobb, CA', '52 km SSE of Sand Point, Alaska', '11 km NE of Borrego Springs, CA', '3 km S of Volcano, Hawaii', '61 km NNW of Yakutat, Alaska', '19 km ENE of Ridgecrest, CA',
  '74 km SW of Puerto El Triunfo, El Salvador', '33 km E of Honaunau-Napoopoo, Hawaii', '40 km WSW of Mentone, Texas', '120 km E of Ofunato, Japan', '26 km W of Tonopah, Nevada', '9 km SSW of Guánica, Puerto Rico'];

/** @param {number} n */
function quakes(n) {
  const known = 18 + Math.floor(n / 2);
  return {
    type: 'FeatureCollection',
    metadata: { generated: at(n).getTime(), url: 'https://earthquake.usgs.gov/earthquakes/feed/v1.0/summary/all_hour.geojson', title: 'USGS All Earthquakes, Past Hour', status: 200, api: '1.14.1', count: Math.min(known, 20) },
    features: Array.from({ length: Math.min(known, 20) }, (_, i) => {
      const k = known - 1 - i;
      const mag = Number((0.6 + chance(k * 17) * (k % 9 === 0 ? 4.8 : 2)).toFixed(2));
      const place = PLACES[k % PLACES.length];
      return { type: 'Feature', properties: { mag, place, time: at(k * 2 - 40).getTime(), updated: at(k * 2 - 37).getTime(), tz: null, url: `https://earthquake.usgs.gov/earthquakes/eventpage/us${7000 + k}`, felt: k % 9 === 0 ? 3 + n : null,
        status: 'automatic', tsunami: 0, sig: Math.round(mag * mag * 15), net: 'us', code: `${7000 + k}`, ids: `,us${7000 + k},`, magType: 'ml', type: 'earthquake', title: `M ${mag} - ${place}` },
      geometry: { type: 'Point', coordinates: [-122.8 + chance(k), 38.8 + chance(k + 1), 2 + chance(k + 2) * 10] }, id: `us${7000 + k}` };
    }),
    bbox: [-179.9, -21.2, 0.1, 179.9, 69.4, 142.4],
  };
}

/** @param {number} n */
function pods(n) {
  const phases = ['Pending', 'Running'];
  return {
    kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: String(918273 + n * 13) },
    items: ['cart-6d5f9c7b8-kx2vp', 'cart-6d5f9c7b8-m9qrt', 'checkout-7f4b86d9c-2xw8z', 'frontend-5c9d7f6b4-h7jkl', 'frontend-5c9d7f6b4-pq3rs', 'payment-84c6b5d7f-v4wxy', 'redis-0', 'search-6b8f5d9c7-zn6mb'].map((name, i) => {
      const crashes = name.startsWith('checkout') && n >= 6;
      const restarts = crashes ? n - 5 : 0;
      return {
        metadata: { name, namespace: 'shop', uid: `7d1f2c3${i}-0000-4000-8000-00000000000${i}`, resourceVersion: String(918200 + i + (crashes ? n * 3 : 0)), creationTimestamp: '2026-11-28T07:31:02Z', labels: { app: name.split('-')[0], 'pod-template-hash': '6d5f9c7b8' } },
        spec: { nodeName: `node-${i % 3 + 1}`, containers: [{ name: 'app', image: `registry.example/${name.split('-')[0]}:1.4.2`, resources: { limits: { cpu: '500m', memory: '256Mi' } } }] },
        status: { phase: name.startsWith('search') ? phases[Number(n >= 3)] : 'Running', podIP: `10.42.${i}.17`, startTime: '2026-11-28T07:31:02Z',
          containerStatuses: [{ name: 'app', ready: !crashes, restartCount: restarts, state: crashes ? { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container' } } : { running: { startedAt: '2026-11-28T07:31:09Z' } } }] },
      };
    }),
  };
}

/** @param {number} n */
function home(n) {
  const temperature = (21 + walk(n, 5) * 0.6).toFixed(1);
  const power = String(Math.max(180, Math.round(420 + walk(n, 9) * 90)));
  const open = n >= 7 && n < 10;
  /** @type {(id: string, state: string, attributes: any, changed: number) => any} */
  const entity = (entity_id, state, attributes, changed) => ({ entity_id, state, attributes, last_changed: at(changed).toISOString(), last_reported: at(n).toISOString(), last_updated: at(n).toISOString(), context: { id: `01JE${String(n).padStart(3, '0')}${entity_id.length}XKQ5V7W8Y9Z0A1B2C`, parent_id: null, user_id: null } });
  return [
    entity('sun.sun', 'below_horizon', { next_dawn: '2026-12-01T06:02:11.000Z', elevation: Number((-12 - n / 4).toFixed(2)), azimuth: Number((263 + n / 5).toFixed(2)), friendly_name: 'Sun' }, 0),
    entity('sensor.living_room_temperature', temperature, { state_class: 'measurement', unit_of_measurement: '°C', device_class: 'temperature', friendly_name: 'Living room temperature' }, n),
    entity('sensor.house_power', power, { state_class: 'measurement', unit_of_measurement: 'W', device_class: 'power', friendly_name: 'House power' }, n),
    entity('binary_sensor.front_door', open ? 'on' : 'off', { device_class: 'door', friendly_name: 'Front door' }, open ? 7 : n >= 10 ? 10 : 0),
    entity('light.kitchen', n >= 4 ? 'on' : 'off', { brightness: n >= 4 ? 180 : null, friendly_name: 'Kitchen light' }, n >= 4 ? 4 : 0),
    entity('climate.hall', 'heat', { current_temperature: 19.5, temperature: 20, hvac_action: 'heating', friendly_name: 'Hall' }, 0),
    entity('person.anna', n >= 8 ? 'home' : 'not_home', { friendly_name: 'Anna', source: 'device_tracker.phone' }, n >= 8 ? 8 : 0),
  ];
}

/** @param {number} n */
function prometheus(n) {
  return { status: 'success', data: { resultType: 'vector', result: ['api-1:9100', 'api-2:9100', 'api-3:9100', 'db-1:9100', 'db-2:9100'].map((instance, i) => (
    { metric: { __name__: 'node_load1', instance, job: 'node', dc: 'fra1' }, value: [at(n, 15).getTime() / 1000 + 0.781, Math.max(0.05, 0.8 + i * 0.3 + walk(n, i * 13) * 0.4).toFixed(2)] })) } };
}

/** @param {number} n */
function graphql(n) {
  return { data: {
    rateLimit: { limit: 5000, cost: 1, remaining: 4990 - n, resetAt: '2026-11-30T19:00:00Z' },
    repository: { nameWithOwner: 'golang/go', stargazerCount: 131_042 + Math.floor(n * 1.4), forkCount: 18_411 + Math.floor(n / 5), issues: { totalCount: 9231 - Math.floor(n / 3) }, pullRequests: { totalCount: 412 },
      latestRelease: { tagName: 'go1.26.1', publishedAt: '2026-11-04T17:10:44Z' } } } };
}

/** @param {number} n */
function weather(n) {
  return {
    latitude: 52.52, longitude: 13.419998, generationtime_ms: Number((0.02 + chance(n) * 0.1).toFixed(6)), utc_offset_seconds: 3600, timezone: 'Europe/Berlin', timezone_abbreviation: 'GMT+1', elevation: 38,
    current_units: { time: 'iso8601', interval: 'seconds', temperature_2m: '°C', relative_humidity_2m: '%', wind_speed_10m: 'km/h', precipitation: 'mm' },
    current: { time: at(n, 900).toISOString().slice(0, 16), interval: 900, temperature_2m: Number((4.2 + walk(n, 3)).toFixed(1)), relative_humidity_2m: Math.round(78 + walk(n, 4) * 5), wind_speed_10m: Number((14 + walk(n, 8) * 4).toFixed(1)), precipitation: n === 6 ? 0.4 : 0 },
  };
}

/** @param {number} n */
function bikes(n) {
  return { last_updated: Math.floor(at(n).getTime() / 1000), ttl: 60, version: '2.3', data: { stations: Array.from({ length: 40 }, (_, i) => {
    const docks = 15 + i % 12;
    const bikes = Math.max(0, Math.min(docks, Math.round(docks / 2 + walk(Math.max(0, n - i % 3), i * 29) * 5)));
    return { station_id: String(66 + i * 7), num_bikes_available: bikes, num_ebikes_available: Math.floor(bikes / 3), num_docks_available: docks - bikes, is_installed: 1, is_renting: 1, is_returning: 1, last_reported: Math.floor(at(n - i % 3).getTime() / 1000) };
  }) } };
}

/** @param {number} n */
function builds(n) {
  const newest = 8800 + Math.floor(n / 3);
  return { total_count: 41_200 + Math.floor(n / 3), workflow_runs: Array.from({ length: 12 }, (_, i) => {
    const id = newest - i;
    const done = i > 1 || n % 3 === 2 && i === 1;
    return { id: 19_880_000_000 + id, name: ['test', 'lint', 'release'][id % 3], head_branch: id % 5 === 0 ? 'fix/timeouts' : 'main', run_number: id, event: 'push', display_title: ['hub: end slow subscriptions', 'poller: obey Retry-After', 'docs: say which port', 'sse: flush the head'][id % 4],
      status: done ? 'completed' : i === 0 && n % 3 === 0 ? 'queued' : 'in_progress', conclusion: done ? (id % 7 === 2 ? 'failure' : 'success') : null, created_at: at((id - 8800) * 3).toISOString(), updated_at: at(n).toISOString() };
  }) };
}

/** 10 MB of records, of which a few change. @param {number} n */
function large(n) {
  return { exported: at(n).toISOString(), devices: Array.from({ length: 41_000 }, (_, i) => ({
    id: `dev-${String(i).padStart(5, '0')}`, site: `site-${i % 97}`, model: ['TX-100', 'TX-200', 'RX-9'][i % 3], state: i === 4711 && n >= 3 ? 'offline' : 'online', battery: i % 4253 === 0 ? 100 - n : 40 + i % 60, firmware: `4.${i % 9}.${i % 31}`,
    location: { lat: Number((50 + chance(i)).toFixed(6)), lon: Number((8 + chance(i + 1)).toFixed(6)) }, tags: ['fleet', `group-${i % 12}`], note: `installed by technician ${i % 211} at ${'the north wall of hall '}${i % 40}, checked` })) };
}

/**
 * @typedef {object} Sample
 * @property {string} name
 * @property {(n: number) => any} make
 * @property {RegExp} still what is shown first of version 0, before a change is known: its label and its text
 * @property {RegExp} first what the label says that is shown first, after twelve versions
 * @property {number} [versions] default 12
 */

/** @type {Sample[]} */
export const SAMPLES = [
  { name: 'github', make: status, first: /status|Actions|Delays/i, still: /All Systems Operational/ },
  { name: 'quotes', make: quotes, first: /regularMarket(?:Price|Change)/, still: /12 items: AAPL, MSFT/ },
  { name: 'quakes', make: quakes, first: /features/, still: /18 items/ },
  { name: 'pods', make: pods, first: /checkout/, still: /8 items: 7 Running, 1 Pending/ },
  { name: 'home', make: home, first: /Living room|House power|Front door|Anna|Kitchen/, still: /7 items: Sun, / },
  { name: 'prometheus', make: prometheus, first: /(?:api|db)-\d/, still: /5 items: api-1/ },
  { name: 'graphql', make: graphql, first: /stargazerCount/, still: /131042/ },
  { name: 'weather', make: weather, first: /temperature|humidity|wind/, still: /4\.2/ },
  { name: 'bikes', make: bikes, first: /num_e?bikes|num_docks/, still: /stations: 40 items/ },
  { name: 'builds', make: builds, first: /workflow_runs|status|conclusion|sse: flush the head/, still: /12 items: 10 completed, 1 queued, 1 in_progress/ },
  { name: 'scalar', make: n => Number((230 + walk(n, 1) * 2).toFixed(1)), first: /value/, still: /230/ },
  { name: 'large', make: large, first: /dev-04711|battery/, still: /41,000 items, all online/, versions: 5 },
];
