// The site: each Markdown file that pages.js names becomes a page, with links between them that work
// in any folder, on a server or from a disk. A link or an anchor that leads nowhere fails the build.
import fs from 'node:fs';
import path from 'node:path';
import anchors from 'markdown-it-anchor';
import sections from './pages.js';
import { check } from './check.js';
import { readable } from './search.js';

const repository = path.resolve(import.meta.dirname, '..');
const output = process.env.SITE_OUTPUT ?? '_site';
const copied = 'files'; // where files of the repository are that are linked and are no pages

// GitHub's name of a heading, as e2e/docs_test.go has it.
const slugify = heading => heading.trim().toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

function readPages() {
  const pages = sections.flatMap(({ title: section, pages }) => pages.map(page => {
    const [source, name] = [page].flat();
    const text = fs.readFileSync(path.join(repository, source), 'utf8');
    const title = text.match(/^# (.+)$/m)[1].replaceAll('`', '');
    const base = path.basename(source, '.md').toLowerCase();
    const folder = path.basename(path.dirname(source)).toLowerCase();
    const address = source === 'README.md' ? 'index.html' : base === 'readme' ? `${folder}.html` : `${base}.html`;
    return { source, section, text, title, name: name ?? title, address };
  }));
  const named = new Set(pages.map(p => p.source));
  for (const file of fs.readdirSync(path.join(repository, 'docs')))
    if (file.endsWith('.md') && !named.has(`docs/${file}`)) throw new Error(`site/pages.js does not name docs/${file}`);
  return pages;
}

// A page with the files of a folder that is linked.
const listing = (folder, files) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${folder} · gbak-s3</title>
<link rel="stylesheet" href="assets/site.css">
<main>
<h1>${folder}</h1>
<p><a href="index.html">gbak-s3</a></p>
<ul>
${files.map(([name, address]) => `<li><a href="${address}">${name}</a></li>`).join('\n')}
</ul>
</main>
</html>
`;

export default function (eleventy) {
  const pages = readPages();
  const bySource = new Map(pages.map(p => [p.source, p]));
  const linked = new Set();
  const folders = new Set();
  const folderAddress = folder => `${folder.replaceAll('/', '-')}.html`;
  // As text, so that every browser shows it.
  const fileAddress = file => `${copied}/${file}${/\.(png|svg|json)$/.test(file) ? '' : '.txt'}`;

  // What a link of a page leads to on the site.
  function target(from, href) {
    if (/^[a-z]+:/.test(href)) return href;
    const [file, fragment] = href.split('#');
    if (!file) return href;
    const source = path.posix.join(path.posix.dirname(from), file);
    const page = bySource.get(source);
    if (page) return page.address + (fragment ? `#${fragment}` : '');
    if (!fs.existsSync(path.join(repository, source))) throw new Error(`${from}: ${href} leads nowhere`);
    if (fs.statSync(path.join(repository, source)).isDirectory()) {
      folders.add(source);
      return folderAddress(source);
    }
    linked.add(source);
    return fileAddress(source);
  }

  eleventy.amendLibrary('md', md => {
    md.set({ html: true, linkify: false });
    md.use(anchors, { slugify, tabIndex: false, level: [1, 2, 3, 4], permalink: anchors.permalink.headerLink() });
    md.core.ruler.push('links', state => {
      const from = state.env.source;
      for (const token of state.tokens.flatMap(t => t.children ?? []))
        for (const name of ['href', 'src'])
          if (token.attrGet(name)) token.attrSet(name, target(from, token.attrGet(name)));
    });
    const comment = (tokens, i) => {
      if (!/^<!--.*-->\s*$/s.test(tokens[i].content)) throw new Error(`HTML in a page: ${tokens[i].content}`);
      return '';
    };
    md.renderer.rules.html_block = md.renderer.rules.html_inline = comment;
    // What is wider than the screen is scrolled by itself, also with the keyboard.
    md.renderer.rules.table_open = () => '<div class="wide" tabindex="0" role="group" aria-label="Table"><table>\n';
    md.renderer.rules.table_close = () => '</table></div>\n';
    // A table without headings has a row of empty ones in Markdown.
    md.core.ruler.push('headings', state => {
      const { tokens } = state;
      for (let i = 0; i < tokens.length; i++)
        if (tokens[i].type === 'th_open' && !tokens[i + 1].content) tokens[i].tag = tokens[i + 2].tag = 'td';
    });
    md.renderer.rules.fence = (tokens, i) =>
      `<pre tabindex="0" class="${md.utils.escapeHtml(tokens[i].info)}"><code>${md.utils.escapeHtml(tokens[i].content)}</code></pre>\n`;
  });
  eleventy.setLibrary('md', eleventy.markdownLibrary);

  for (const [i, page] of pages.entries())
    eleventy.addTemplate(page.address.replace(/html$/, 'md'), page.text, {
      layout: 'page.njk', permalink: page.address, source: page.source, title: page.title, section: page.section,
      previous: pages[i - 1], next: pages[i + 1],
    });
  eleventy.addGlobalData('sections', sections.map(s => ({ title: s.title, pages: pages.filter(p => p.section === s.title) })));
  eleventy.addPassthroughCopy('input/assets');
  eleventy.addPassthroughCopy({ 'node_modules/minisearch/dist/umd/index.js': 'assets/minisearch.js' });
  eleventy.on('eleventy.after', () => {
    for (const folder of folders) {
      const files = fs.readdirSync(path.join(repository, folder), { recursive: true, withFileTypes: true }).filter(f => f.isFile())
        .map(f => path.relative(repository, path.join(f.parentPath ?? f.path, f.name))).sort();
      files.forEach(f => linked.add(f));
      fs.writeFileSync(path.join(output, folderAddress(folder)), listing(folder, files.map(f => [f, fileAddress(f)])));
    }
    for (const source of linked) {
      const to = path.join(output, fileAddress(source));
      fs.mkdirSync(path.dirname(to), { recursive: true });
      fs.copyFileSync(path.join(repository, source), to);
    }
    fs.writeFileSync(path.join(output, 'assets', 'index.js'), `window.sections = ${JSON.stringify(readable(output, pages))};\n`);
    check(output);
  });

  return {
    dir: { input: 'input', includes: '../layout', output },
    markdownTemplateEngine: false, // pages are Markdown and nothing else
    htmlTemplateEngine: 'njk',
  };
}
