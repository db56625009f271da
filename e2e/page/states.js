// Checks the written states: each page of them, as a browser shows it in light and dark, in a wide and
// in a narrow window, with large text, and with and without script.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { HtmlValidate } = require('html-validate');
const { open } = require('./browser');
const { violations, layout, keyboard } = require('./checks');

// serve serves the folder of states as the watcher serves its pages.
async function serve(folder) {
  const policy = fs.readFileSync(path.join(folder, 'policy.txt'), 'utf8');
  const server = http.createServer((q, a) => {
    const file = path.join(folder, path.basename(new URL(q.url, 'http://localhost').pathname));
    if (!fs.existsSync(file)) { a.writeHead(404).end(); return; }
    a.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policy }).end(fs.readFileSync(file));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { server, root: `http://127.0.0.1:${server.address().port}/` };
}

const validator = new HtmlValidate({
  extends: ['html-validate:recommended', 'html-validate:document'],
  rules: {
    'doctype-style': 'off', 'void-style': 'off', 'attr-quotes': 'off', 'no-trailing-whitespace': 'off', // matters of taste
    'long-title': 'off', // a title is the sentence on top
    'no-raw-characters': 'off', // > may stand in a text
    'meta-refresh': 'off', // in <noscript>, for who has no other refresh
  },
});

async function validate(file) {
  const report = await validator.validateFile(file);
  return report.results.flatMap((r) => r.messages).map((m) => `${m.line}:${m.column} ${m.ruleId}: ${m.message}`);
}

// The ways to look at each page. axe is slow, so it looks at the two that differ most.
const looks = [
  { width: 1280, scheme: 'light', axe: true }, { width: 320, scheme: 'dark', axe: true },
  { width: 1280, scheme: 'dark' }, { width: 320, scheme: 'light' },
  { width: 640, scheme: 'light' }, // 200 % of a window of 1280
  { width: 1280, scheme: 'light', large: true }, { width: 640, scheme: 'dark', large: true },
  { width: 320, scheme: 'light', script: false },
];

// Those that are looked at more closely: walked through with the keyboard, and by axe in each way.
const close = new Set(['safe.html', 'refused-one.html', 'report.html', 'hostile.html', 'hostile-one.html']);

async function check(browser, large, folder, say) {
  const { server, root } = await serve(folder);
  const names = fs.readdirSync(folder).filter((n) => n.endsWith('.html')).sort();
  if (names.length < 24) throw new Error(`there are only ${names.length} pages in ${folder}`);
  for (const name of names) {
    for (const problem of await validate(path.join(folder, name))) say(name, problem);
    for (const look of looks) {
      if (look.script === false && !close.has(name)) continue;
      const { page, faults } = await open(look.large ? large : browser, root + name, look);
      const way = `${name}, ${look.width} px, ${look.scheme}${look.large ? ', large text' : ''}${look.script === false ? ', without script' : ''}`;
      await page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));
      for (const problem of await layout(page)) say(way, problem);
      const isClose = close.has(name) && look.script !== false;
      if (look.axe || isClose) for (const problem of await violations(page)) say(way, problem);
      if (isClose && !look.large) for (const problem of await keyboard(page)) say(way, problem);
      for (const fault of faults) say(way, fault);
      await page.close();
    }
  }
  server.close();
  server.closeAllConnections();
  return names.length;
}

module.exports = { check, serve, validate };
