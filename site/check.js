// Checks what was built: every link and anchor leads somewhere, every id is there once, and nothing
// is loaded from elsewhere.
import fs from 'node:fs';
import path from 'node:path';

export function check(output) {
  const faults = [];
  const files = fs.readdirSync(output).filter(f => f.endsWith('.html'));
  const ids = new Map();
  const pages = new Map(files.map(f => [f, fs.readFileSync(path.join(output, f), 'utf8')]));
  for (const [file, html] of pages) {
    const all = [...html.matchAll(/\sid="([^"]*)"/g)].map(m => m[1]);
    ids.set(file, new Set(all));
    if (ids.get(file).size !== all.length) faults.push(`${file}: an id is there twice`);
  }
  let links = 0;
  for (const [file, html] of pages)
    for (const [, tag, name, value] of html.matchAll(/<(\w+)[^>]*?\s(href|src|action)="([^"]*)"/g)) {
      links++;
      const [to, fragment] = decodeURIComponent(value).split('#');
      if (/^[a-z]+:/.test(value)) {
        if (tag !== 'a') faults.push(`${file}: ${value} would be loaded from elsewhere`);
      } else if (to && !fs.existsSync(path.join(output, to))) faults.push(`${file}: ${value} leads nowhere`);
      else if (fragment && !ids.get(to || file)?.has(fragment)) faults.push(`${file}: ${value} leads to no heading`);
    }
  for (const style of fs.readdirSync(path.join(output, 'assets')).filter(f => f.endsWith('.css')))
    if (/url\(|@import/.test(fs.readFileSync(path.join(output, 'assets', style), 'utf8'))) faults.push(`${style} loads something`);
  if (faults.length) throw new Error(`the site has faults:\n${faults.join('\n')}`);
  console.log(`${files.length} pages, ${links} links, all of which lead somewhere`);
}
