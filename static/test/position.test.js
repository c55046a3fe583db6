/** The position of an EventStream, and the ID with which it reconnects. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setup } from './fakes.js';

/**
 * The ID that a stream would send in its next connection; null for none.
 * @param {ReturnType<typeof setup>} all
 */
function resumesFrom({ stream, source }) {
  stream.reconnect();
  return new URL(source().url, 'http://x').searchParams.get('last_event_id');
}

test('any event tells the position, which the browser has from blocks that dispatch nothing', () => {
  for (const [type, data] of [
    ['message', '1'], ['message', 'no JSON'], ['status', '{"state":"stale"}'], ['status', ''], ['reset', '{"reason":"epoch"}'],
    ['hb', '{"retry":3000}'], ['hb', '{}'], ['hb', ''],
  ]) {
    const all = setup();
    all.source().open();
    assert.equal(all.stream.position, '');
    all.source().message(data, 'e-0', type);
    assert.equal(all.stream.position, 'e-0', type);
    assert.equal(resumesFrom(all), 'e-0', `${type} ${data}`);
  }
});

test('a heartbeat moves the position over what was not sent, and not the id of the document', () => {
  const all = setup();
  all.source().open();
  all.source().message('1', 'e-1');
  all.source().message('{}', 'e-1000', 'hb');
  assert.deepEqual([all.stream.lastEventId, all.stream.position], ['e-1', 'e-1000']);
  assert.equal(resumesFrom(all), 'e-1000');
});

test('a new EventSource, which knows no id, takes none away', () => {
  const all = setup();
  all.source().open();
  all.source().message('1', 'e-1');
  for (let n = 0; n < 3; n++) {
    all.stream.reconnect();
    all.source().open();
    all.source().message('{"retry":3000}', '', 'hb');
    all.source().message('{"state":"stale"}', '', 'status');
    assert.equal(resumesFrom(all), 'e-1');
    all.source().refuse();
    all.clock.advance(60_000);
    assert.equal(resumesFrom(all), 'e-1');
  }
});

test('the position is kept through a reset, until another is told', () => {
  const all = setup();
  all.source().open();
  all.source().message('1', 'old-9');
  assert.equal(resumesFrom(all), 'old-9');
  all.source().open();
  all.source().message('{"retry":3000}', '', 'hb');
  all.source().message('{"reason":"epoch"}', '', 'reset');
  assert.equal(resumesFrom(all), 'old-9', 'the server will say again that events were missed');
  all.source().open();
  all.source().message('{"retry":3000}', '', 'hb');
  all.source().message('{"reason":"epoch"}', '', 'reset');
  all.source().message('{}', 'new-0', 'hb');
  assert.equal(resumesFrom(all), 'new-0', 'without any document');
});

test('the id in the URL holds until another is told, through a reset too', () => {
  const all = setup({ url: '/api/sse?last_event_id=mine' });
  assert.equal(all.source().url, '/api/sse?last_event_id=mine&heartbeat=event');
  all.source().open();
  all.source().message('{"reason":"invalid"}', '', 'reset');
  assert.equal(resumesFrom(all), 'mine');
  all.source().open();
  all.source().message('1', 'e-1');
  assert.equal(resumesFrom(all), 'e-1');
});

test('a server that takes its id back is obeyed', () => {
  const all = setup({ url: '/x?last_event_id=mine' });
  all.source().open();
  all.source().message('1', 'e-1');
  all.source().message('2', null);
  assert.deepEqual([all.stream.position, all.stream.lastEventId], ['', '']);
  assert.equal(resumesFrom(all), null);
});

test('a server without ids leaves the URL as it is', () => {
  const { stream, source } = setup({ url: '/x?last_event_id=mine', heartbeat: false });
  source().open();
  source().message('1');
  stream.reconnect();
  assert.equal(source().url, '/x?last_event_id=mine');
});
