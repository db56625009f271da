// Makes sure that the checks find something: bad.html has all that a page must not have.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { open } = require('./browser');
const { violations, layout, keyboard } = require('./checks');
const { validate } = require('./states');

const file = path.join(__dirname, 'bad.html');

async function check(browser, say) {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'none'; img-src http:";
  const server = http.createServer((_, a) => a.writeHead(200, { 'Content-Type': 'text/html', 'Content-Security-Policy': policy }).end(fs.readFileSync(file)));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { page, faults } = await open(browser, `http://127.0.0.1:${server.address().port}/`, { width: 320 });
  const found = [...await validate(file), ...await violations(page), ...await layout(page), ...await keyboard(page), ...faults].join('\n');
  for (const wanted of [
    'element-required-attributes', 'button-name', 'color-contrast', 'html-has-lang', 'the page is 2', '"small" is', '"one" lies on "another"', 'the focus does not show',
    'its policy forbids script-src', 'it loads https://example.invalid/a.png', 'the console says',
  ]) if (!found.includes(wanted)) say('bad.html', `nothing was said of it: ${wanted}`);
  await page.close();
  server.close();
  server.closeAllConnections();
  return found;
}

module.exports = { check };
