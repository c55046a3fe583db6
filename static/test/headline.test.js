/** What is shown first of twelve real documents: never a constant. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Watch } from '../dashboard/watch.js';
import { SAMPLES } from './samples.js';

for (const { name, make, first, versions = 12 } of SAMPLES) {
  test(`${name}: what is shown first is what changes`, context => {
    const watch = new Watch(1500);
    const shown = new Set();
    let field;
    for (let n = 0; n < versions; n++) {
      const at = Date.UTC(2026, 10, 30, 18) + n * 60_000;
      watch.take(JSON.parse(JSON.stringify(make(n))), at);
      [field] = watch.fields(at, 12, 48);
      shown.add(`${field.label}: ${field.text}`);
    }
    context.diagnostic([...shown].join(' | '));
    context.diagnostic(watch.fields(watch.at, 12, 48).map(({ label, text, unit }) => `${label} = ${text}${unit}`).join(' ; '));
    assert.ok(shown.size > 1, 'it never changed');
    assert.match(String(field?.label), first);
    assert.notEqual(field?.kind, 'time');
    assert.notEqual(field?.kind, 'id');
  });
}
