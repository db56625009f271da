// What each page must be: accessible, no wider than its window, and usable with a keyboard alone.
'use strict';
const axe = require('axe-core');

// violations returns what axe finds. It needs script, and so does not see what a page is without.
async function violations(page) {
  await page.evaluate(axe.source);
  const r = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  return r.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200)).join(' ')}`);
}

// overflow returns what makes a page wider than its window. What scrolls by itself may be wide.
async function overflow(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth, found = [];
    if (document.documentElement.scrollWidth > width) found.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${width}`);
    const scrolls = (e) => { for (; e; e = e.parentElement) if (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(e).overflowX)) return true; return false; };
    for (const e of document.body.querySelectorAll('*')) {
      if (e.closest('svg') && e.tagName !== 'svg') continue;
      const box = e.getBoundingClientRect();
      if (box.width && box.right > width + 1 && !scrolls(e) && getComputedStyle(e).position !== 'absolute') found.push(`${e.tagName} .${e.className} ends at ${Math.round(box.right)} of ${width}`);
    }
    return found.slice(0, 5);
  });
}

// smallText returns texts of pictures that are not as large as the page makes them.
async function smallText(page) {
  return page.evaluate(() => [...document.querySelectorAll('.pic-all text')].flatMap((t) => {
    const height = t.getBoundingClientRect().height;
    return height > 0 && height < 10 ? [`"${t.textContent}" is ${height} high`] : [];
  }).slice(0, 3));
}

// overlaps returns labels of pictures that lie on one another.
async function overlaps(page) {
  return page.evaluate(() => {
    const found = [];
    for (const svg of document.querySelectorAll('.pic-all')) {
      const boxes = [...svg.querySelectorAll('text')].map((t) => [t.textContent, t.getBoundingClientRect()]).filter(([, b]) => b.width);
      boxes.forEach(([a, x], i) => boxes.slice(i + 1).forEach(([b, y]) => {
        const across = Math.min(x.right, y.right) - Math.max(x.left, y.left), down = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
        if (across > 0.5 && down > 3) found.push(`"${a}" lies on "${b}"`);
      }));
    }
    return found.slice(0, 3);
  });
}

// keyboard walks through a page with Tab, and returns what is wrong with that: what cannot be reached,
// what shows no focus, and what comes in another order than it is read.
async function keyboard(page) {
  const wanted = await page.evaluate(() => {
    const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled;
    const all = [...document.querySelectorAll('a[href], button, summary, [tabindex="0"]')].filter(seen);
    all.forEach((e, i) => { e.dataset.stop = i; });
    document.activeElement.blur();
    return all.length;
  });
  const wrong = [];
  for (let i = 0; i < wanted; i++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const e = document.activeElement, s = getComputedStyle(e), box = e.getBoundingClientRect();
      const isShown = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none';
      return { stop: e.dataset.stop, tag: e.outerHTML.slice(0, 100), isShown, isIn: box.bottom > 0 && box.top < innerHeight };
    });
    if (at.stop !== String(i)) { wrong.push(`Tab ${i + 1} reaches ${at.tag} (${at.stop})`); break; }
    if (!at.isShown) wrong.push(`the focus does not show on ${at.tag}`);
    if (!at.isIn) wrong.push(`${at.tag} has the focus, and is out of sight`);
  }
  const closed = await page.$('details:not([open]) > summary');
  if (closed) {
    await closed.focus();
    await page.keyboard.press('Enter');
    if (!await closed.evaluate((e) => e.parentElement.open)) wrong.push('Enter does not open the tables');
  }
  return wrong;
}

// all returns what is wrong with how a page is laid out.
async function layout(page) { return [...await overflow(page), ...await smallText(page), ...await overlaps(page)]; }

module.exports = { violations, layout, keyboard };
