// run.js STATES [LIVE REPORT]: checks the pages in the folder STATES, those of a watcher that answers at
// the address LIVE, and the report at the address REPORT. It prints what is wrong, and ends with 1 if anything is.
'use strict';
const { launch } = require('./browser');
const bad = require('./bad');
const states = require('./states');
const live = require('./live');

async function main() {
  const [folder, address, report] = process.argv.slice(2);
  if (!folder) throw new Error('usage: run.js STATES [LIVE REPORT]');
  const browser = await launch(), large = await launch({ text: 32 });
  let wrong = 0;
  const say = (where, what) => { wrong++; console.log(`${where}: ${what}`); };
  try {
    await bad.check(browser, say);
    const n = await states.check(browser, large, folder, say);
    console.log(`${n} written pages were looked at`);
    if (address) console.log(`${await live.check(browser, address, report, say)} live pages were looked at`);
  } finally {
    await Promise.all([browser.close(), large.close()]);
  }
  if (wrong) throw new Error(`${wrong} things are wrong`);
}

main().catch((e) => { console.error(`page-test: ${e.message}`); process.exitCode = 1; });
