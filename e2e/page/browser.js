// Opens pages in Debian's Chromium, and notes all that a page must not do: load anything from
// elsewhere, break its own policy, run what is no script of ours, or print errors.
'use strict';
const puppeteer = require('puppeteer-core');

const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';

// launch starts a browser; text is how large its user wants text to be, in pixels.
async function launch({ text = 16 } = {}) {
  // Without a sandbox, because the tests run as root in a container; the pages are our own.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--hide-scrollbars', '--force-color-profile=srgb', '--font-render-hinting=none', `--blink-settings=defaultFontSize=${text}`];
  return puppeteer.launch({ executablePath, args, protocolTimeout: 300000 });
}

// byHand makes a page's timers wait for the test: nothing here depends on how fast the machine is, and
// no refresh comes in between.
function byHand() {
  window.ticks = [];
  window.setInterval = (f) => window.ticks.push(f);
}

// open opens a page as a browser with these settings shows it, and returns it with its faults.
// width and height are those of the window in CSS pixels.
async function open(browser, url, { width = 1280, height = 900, scheme = 'light', script = true } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(120000);
  const faults = [];
  const origin = new URL(url).origin;
  page.on('request', (r) => {
    const to = new URL(r.url());
    if (to.protocol !== 'data:' && to.origin !== origin) faults.push(`it loads ${r.url()}`);
  });
  page.on('dialog', async (d) => { faults.push(`a dialog says ${d.message()}`); await d.dismiss(); });
  page.on('pageerror', (e) => faults.push(`its script fails: ${e.message}`));
  page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warn') faults.push(`the console says ${m.text()}`); });
  page.on('popup', () => faults.push('it opens a window'));
  await page.exposeFunction('reportFault', (text) => { faults.push(text); });
  await page.evaluateOnNewDocument(() => {
    document.addEventListener('securitypolicyviolation', (e) => window.reportFault(`its policy forbids ${e.violatedDirective} ${e.blockedURI}`));
  });
  await page.evaluateOnNewDocument(byHand);
  await page.setJavaScriptEnabled(script);
  await page.setViewport({ width: Math.round(width), height });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
  const answer = await page.goto(url, { waitUntil: 'load' });
  if (!answer.ok()) faults.push(`the answer is ${answer.status()}`);
  return { page, faults, answer };
}

module.exports = { launch, open };
