// site.js FOLDER: checks the documentation as a site, from the disk: each page is accessible and no wider
// than its window, begins at its top, nothing is loaded from elsewhere, and what is on the screen finds its explanation.
'use strict';
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const { launch, open } = require('./browser');
const { violations, layout } = require('./checks');

const views = [{ width: 1280, scheme: 'light' }, { width: 320, scheme: 'dark' }];

// What people paste into the search, and the section that must come first.
const questions = {
  'The store is busy (3 attempts in 12s). Run the same command again later': 'troubleshooting.html#slowdown',
  'gbak-s3: put segments/1: SignatureDoesNotMatch': 'troubleshooting.html#signaturedoesnotmatch',
  'Is the disk mounted, and is it the right bucket and prefix?': 'troubleshooting.html#',
};

async function main() {
  const folder = process.argv[2];
  const address = (file) => pathToFileURL(path.resolve(folder, file)).href;
  const pages = fs.readdirSync(folder).filter((f) => f.endsWith('.html'));
  if (pages.length < 40) throw new Error(`there are only ${pages.length} pages`);
  const browser = await launch();
  let wrong = 0;
  const say = (where, what) => { wrong++; console.log(`${where}: ${what}`); };
  try {
    for (const view of views) {
      for (const file of pages) {
        const { page, faults } = await open(browser, address(file), view);
        for (const fault of [...faults, ...await violations(page), ...await layout(page)]) say(`${file}, ${view.width} ${view.scheme}`, fault);
        if (await page.evaluate(() => scrollY) !== 0) say(`${file}, ${view.width} ${view.scheme}`, 'scrolls itself: its head is out of sight');
        await page.close();
      }
    }
    for (const [question, answer] of Object.entries(questions)) {
      const { page } = await open(browser, `${address('search.html')}?q=${encodeURIComponent(question)}`);
      const first = await page.$eval('#results a', (a) => a.getAttribute('href')).catch(() => 'nothing');
      if (!first.startsWith(answer)) say(`the search for "${question}"`, `finds ${first} first`);
      await page.close();
    }
    const { page } = await open(browser, address('index.html'), { script: false });
    if (!await page.$('nav[aria-label=Pages] a[href="start.html"]')) say('index.html', 'has no list of pages without script');
  } finally {
    await browser.close();
  }
  if (wrong) throw new Error(`${wrong} things are wrong with the site`);
  console.log(`${pages.length} pages of the site were looked at`);
}

main().catch((e) => { console.error(`page-test: ${e.message}`); process.exitCode = 1; });
