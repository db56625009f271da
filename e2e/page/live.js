// Checks the pages of a real watcher: what it serves, how they refresh and pause, and that hostile
// names stay names.
'use strict';
const { open } = require('./browser');
const { violations, layout, keyboard } = require('./checks');

const tick = (page) => page.evaluate(() => window.ticks.forEach((f) => f()));

// refresh checks that a page replaces its content, keeps the focus, and stops when it is paused.
async function refresh(browser, root, say) {
  const { page, faults } = await open(browser, root);
  const wrong = (what) => say('refresh', what);
  await page.evaluate(() => {
    window.asked = 0;
    const fetch = window.fetch;
    window.fetch = (...args) => { window.asked++; return fetch(...args); };
  });
  await page.evaluate(() => { document.querySelector('main').dataset.old = '1'; document.querySelector('main a').focus(); });
  const focused = await page.evaluate(() => document.activeElement.getAttribute('href'));
  await tick(page);
  await page.waitForFunction(() => !document.querySelector('main').dataset.old);
  if (await page.evaluate(() => document.activeElement.getAttribute('href')) !== focused) wrong('the focus is lost');
  if (await page.evaluate(() => window.asked) !== 1) wrong('a refresh is not one request');

  await page.focus('#pause');
  await page.keyboard.press('Enter');
  if (await page.$eval('#pause', (b) => b.getAttribute('aria-pressed')) !== 'true') wrong('Enter does not pause');
  const before = await page.evaluate(() => window.asked);
  await tick(page);
  await tick(page);
  if (await page.evaluate(() => window.asked) !== before) wrong('it asks although it is paused');
  await page.keyboard.press('Space');
  if (await page.$eval('#pause', (b) => b.getAttribute('aria-pressed')) !== 'false') wrong('Space does not go on');
  await page.waitForFunction((n) => window.asked > n, {}, before);
  for (const fault of faults) wrong(fault);
  await page.close();
}

// headers checks what the server says beside a page.
function headers(answer, where, say) {
  const h = answer.headers(), policy = h['content-security-policy'] || '';
  for (const part of ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]) if (!policy.includes(part)) say(where, `its policy lacks ${part}`);
  if (/unsafe|https?:|\*/.test(policy)) say(where, `its policy allows too much: ${policy}`);
  if (h['x-content-type-options'] !== 'nosniff') say(where, 'no nosniff');
  if (h['referrer-policy'] !== 'no-referrer') say(where, 'no no-referrer');
  if (!/no-store/.test(h['cache-control'] || '')) say(where, 'it may be stored');
  if (h['set-cookie']) say(where, 'it sets a cookie');
}

// check looks at all pages below root, and at the report at the address of a file.
async function check(browser, root, report, say) {
  const { page, faults, answer } = await open(browser, root);
  headers(answer, root, say);
  const links = await page.$$eval('main ol a', (all) => all.map((a) => a.href));
  if (links.length < 3) say(root, `it shows ${links.length} databases`);
  if (!(await page.$eval('h1', (e) => e.textContent)).trim()) say(root, 'it says nothing');
  for (const fault of faults) say(root, fault);
  await page.close();
  let n = 0;
  for (const address of [root, ...links, report]) {
    for (const look of [{ width: 1280, scheme: 'light' }, { width: 320, scheme: 'dark' }, { width: 320, scheme: 'light', script: false }]) {
      const one = await open(browser, address, look);
      const way = `${address}, ${look.width} px, ${look.scheme}${look.script === false ? ', without script' : ''}`;
      if (address !== root && address !== report && !await one.page.$('.pic-all')) say(way, 'it shows no picture of what can be restored');
      for (const problem of await layout(one.page)) say(way, problem);
      if (look.script !== false) for (const problem of [...await violations(one.page), ...await keyboard(one.page)]) say(way, problem);
      for (const fault of one.faults) say(way, fault);
      await one.page.close();
      n++;
    }
  }
  await refresh(browser, root, say);
  return n;
}

module.exports = { check };
