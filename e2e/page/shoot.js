// shoot.js STATES FOLDER: makes the pictures of the docs from the written states.
'use strict';
const path = require('node:path');
const { launch, open } = require('./browser');
const { serve } = require('./states');

// The pictures: of which state, how wide, and in which scheme. Each is as high as its page.
const pictures = [
  { name: 'page', state: 'safe', width: 1200, scheme: 'light' },
  { name: 'page-behind', state: 'behind', width: 1200, scheme: 'dark' },
  { name: 'page-database', state: 'safe-one', width: 800, scheme: 'light' },
];

async function main() {
  const [states, folder] = process.argv.slice(2);
  if (!folder) throw new Error('usage: shoot.js STATES FOLDER');
  const browser = await launch();
  const { server, root } = await serve(states);
  try {
    for (const p of pictures) {
      const { page, faults } = await open(browser, `${root}${p.state}.html`, { ...p, height: 100 });
      if (faults.length) throw new Error(faults.join(', '));
      await page.screenshot({ path: path.join(folder, `${p.name}.png`), fullPage: true });
      await page.close();
    }
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}

main().catch((e) => { console.error(`shoot: ${e.message}`); process.exitCode = 1; });
