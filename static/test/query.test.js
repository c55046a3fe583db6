/** The query of a stream's URL. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resumes } from '../client/names.js';
import { streamNames, wantsDeltas, withQuery } from '../client/query.js';

test('withQuery', () => {
  for (const [url, params, want] of /** @type {[string, Record<string, string | null>, string][]} */ ([
    ['/x', {}, '/x'],
    ['/x', { a: '1' }, '/x?a=1'],
    ['/x?', { a: '1' }, '/x?a=1'],
    ['/x?b=a,b&c', { a: '1' }, '/x?b=a,b&c&a=1'],
    ['/x?a=0&b=%20+&a=2', { a: '1' }, '/x?b=%20+&a=1'],
    ['/x?%61=0', { a: '1' }, '/x?a=1'],
    ['/x?a=0&b=1', { a: null }, '/x?b=1'],
    ['/x?a=0', { a: null }, '/x'],
    ['/x?b=1#a=2', { a: '&=#' }, '/x?b=1&a=%26%3D%23'],
    ['/x#f?b', { a: '1' }, '/x?a=1'],
    ['/x?toString=1', { a: '1' }, '/x?toString=1&a=1'],
    ['https://example.org/x?b=?', { a: '1' }, 'https://example.org/x?b=?&a=1'],
  ])) assert.equal(withQuery(url, params), want, url);
});

test('streamNames', () => {
  for (const [url, want] of /** @type {[string, string[]][]} */ ([
    ['/x', ['default']], ['/x?stream=', ['default']], ['/x?stream=,', ['default']], ['/x#?stream=a', ['default']],
    ['/x?stream=a', ['a']], ['/x?stream=a,', ['a']], ['/x?stream=a,a', ['a']],
    ['/x?stream=a&stream=b,c', ['a', 'b', 'c']],
    ['/x?stream=a,b', ['a', 'b']], ['/x?stream=a%2Cb&c=d', ['a', 'b']],
  ])) assert.deepEqual(streamNames(url), want, url);
});

test('wantsDeltas', () => {
  for (const [url, want] of /** @type {[string, boolean][]} */ ([
    ['/x', false], ['/x?mode=', false], ['/x?mode=full', false], ['/x?mode=patches', false], ['/x#?mode=patch', false],
    ['/x?mode=patch', true], ['/x?mode=merge', true], ['/x?a=b&%6dode=Patch&stream=a,b', true], ['https://example.org/x?mode=MERGE#f', true],
    ['/x?mode=full&mode=patch', false], ['/x?mode=patch&mode=full', true], // which the server refuses
  ])) assert.equal(wantsDeltas(url), want, url);
});

test('resumes', () => {
  for (const [url, resumeParam, want] of /** @type {[string, string, boolean][]} */ ([
    ['/x', 'last_event_id', false], ['/x', '', false], ['/x?last_event_id=', 'last_event_id', false],
    ['/x?last_event_id=e-1', 'last_event_id', true], ['/x?lastEventId=e-1', 'last_event_id', true], ['/x?last_event_id=e-1', '', true],
    ['/x?since_id=e-1', 'since_id', true], ['/x?since_id=e-1', 'last_event_id', false], ['/x#?last_event_id=e-1', 'last_event_id', false],
  ])) assert.equal(resumes(url, { resumeParam }), want, `${url} ${resumeParam}`);
});
