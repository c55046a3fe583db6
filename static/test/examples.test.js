/** The smaller examples: each is started by the command of its README, as it stands. The projects with React are in package.test.js. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { launch, open } from './browser.js';
import { Program, freePorts } from './program.js';
import { Clone } from './project.js';

/** @import { Browser } from 'playwright-core' */

/** @type {Browser} */ let browser;
/** @type {Clone} */ let clone;

before(async () => {
  clone = await Clone.create();
  browser = await launch();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await clone.stop();
});
after(async () => {
  await browser.close();
  await clone.remove();
});

/** Waits for what a command prints, and fails once it has ended. @type {(printed: {text: string}, wanted: (text: string) => boolean) => Promise<void>} */
async function prints(printed, wanted) {
  while (!wanted(printed.text)) {
    assert.doesNotMatch(printed.text, /\(ended with /);
    await setTimeout(50);
  }
}

/** Starts an example that has a page at port 3000, and opens the page. @param {string} name */
async function show(name) {
  const [port] = await freePorts(1);
  await clone.move(name, { 3000: port });
  const printed = await clone.start(name);
  const origin = `http://localhost:${port}`;
  while (!await fetch(origin).then(({ ok }) => ok, () => false)) {
    assert.doesNotMatch(printed.text, /\(ended with /);
    await setTimeout(100);
  }
  const { page, complaints } = await open(browser);
  await page.goto(origin);
  // There is no icon.
  return { page, calm: () => assert.deepEqual(complaints.filter(text => !text.startsWith('Failed to load resource')), []) };
}

test('html: a plain page shows the mock, by the element and by a script', async () => {
  const { page, calm } = await show('html');
  await page.waitForFunction(() => /^Random update: \d+$/.test(document.querySelector('pollux-stream')?.textContent ?? ''));
  await page.waitForFunction(() => document.querySelector('[role=status]')?.textContent === 'live');
  await page.waitForFunction(() => document.querySelectorAll('ol li').length >= 2, undefined, { timeout: 60_000 });
  await page.waitForFunction(() => { // each has a stream of its own
    const [shown, listed] = ['pollux-stream', 'ol li'].map(selector => document.querySelector(selector)?.textContent?.split(' ').at(-1));
    return shown !== undefined && shown === listed;
  });
  calm();
});

test('htmx: a page shows the HTML that Pollux makes of each document', async () => {
  const { page, calm } = await show('htmx');
  const update = () => page.waitForFunction(() => /^\d+ Random update: \d+ \d{4}-/.test(document.querySelector('p')?.textContent ?? ''),
    undefined, { timeout: 60_000 });
  await update();
  const time = await page.locator('p time').textContent();
  await page.waitForFunction(time => document.querySelector('p time')?.textContent !== time, time, { timeout: 60_000 });
  await update();
  calm();
});

for (const [name, command] of [['consumer', 'Go'], ['python', 'Python']]) {
  test(`${name}: a program in ${command} prints each document once, across a server that is killed`, async context => {
    const program = await Program.build();
    context.after(() => program.remove());
    await program.configure(['{name: default, push: true}']);
    await program.start();
    await clone.move(name, { 3000: Number(new URL(program.origin).port) });
    await program.publish('default', { n: 1 });
    const printed = await clone.start(name);
    await prints(printed, text => text.includes('{"n":1}'));
    await program.stop();
    await prints(printed, text => text.includes('the connection has ended'));
    await program.start();
    await program.publish('default', { n: 2 });
    await prints(printed, text => text.includes('{"n":2}'));
    await program.publish('default', { n: 3 });
    await prints(printed, text => text.includes('{"n":3}'));
    assert.match(printed.text, /documents were missed: \{"reason": ?"epoch"/);
    assert.deepEqual(printed.text.match(/^\{"n":\d\}$/gm), ['{"n":1}', '{"n":2}', '{"n":3}']);
  });
}
