// What a search looks through: the text of each section of each page.
import fs from 'node:fs';
import path from 'node:path';

const plain = html => html.replace(/<[^>]*>/g, ' ').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"')
  .replaceAll('&#39;', "'").replaceAll('&amp;', '&').replace(/\s+/g, ' ').trim();

// Most people look for help, and few for how it is made.
const weights = { 'When something is wrong': 1.5, 'Develop it': 0.3, 'What to expect': 0.5 };

export function readable(output, pages) {
  return pages.flatMap(({ address, name, section }) => {
    const weight = weights[section] ?? 1;
    const html = fs.readFileSync(path.join(output, address), 'utf8');
    const [, main] = html.match(/<article>(.*)<\/article>/s);
    return main.split(/(?=<h[1-4] id=)/).filter(part => plain(part.replace(/^<h[1-4].*?<\/h[1-4]>/s, ''))).map(part => {
      const [, id, heading] = part.match(/^<h[1-4] id="([^"]*)"[^>]*>(.*?)<\/h[1-4]>/s) ?? [];
      return { id: id ? `${address}#${id}` : address, page: name, weight, heading: plain(heading ?? name), text: plain(part.replace(/^<h[1-4].*?<\/h[1-4]>/s, '')) };
    });
  });
}
