'use strict';
// Light or dark, as the system says until somebody chooses; and a button to copy each block of code.
// Everything can be read without this.
(() => {
  const root = document.documentElement;
  const chosen = () => { try { return localStorage.getItem('theme'); } catch { return null; } };
  const show = theme => { if (theme) root.dataset.theme = theme; else delete root.dataset.theme; };
  show(chosen());

  const select = document.createElement('select');
  select.setAttribute('aria-label', 'Colours');
  for (const [value, text] of [['', 'System colours'], ['light', 'Light'], ['dark', 'Dark']]) select.add(new Option(text, value));
  select.value = chosen() ?? '';
  select.addEventListener('change', () => {
    show(select.value);
    try { localStorage.setItem('theme', select.value); } catch { /* then only this page has it */ }
  });
  document.querySelector('header').append(select);

  // On a narrow screen the list of pages would stand before the text.
  const list = document.querySelector('nav details');
  if (matchMedia('(max-width: 60rem)').matches) list.open = false;
  // Only the list is scrolled to this page: scrollIntoView would scroll the window, too.
  const here = list.querySelector('[aria-current]');
  const frame = list.parentElement;
  if (here && list.open) frame.scrollTop = here.getBoundingClientRect().top - frame.getBoundingClientRect().top - frame.clientHeight / 2;

  if (!navigator.clipboard) return;
  for (const pre of document.querySelectorAll('pre.sh, pre.console, pre.yaml')) {
    const button = document.createElement('button');
    button.textContent = 'Copy';
    button.addEventListener('click', async () => {
      const text = pre.querySelector('code').textContent;
      // Of a session, the commands.
      const commands = text.split('\n').filter(l => l.startsWith('$ ')).map(l => l.slice(2)).join('\n');
      await navigator.clipboard.writeText(pre.classList.contains('console') ? commands : text);
      button.textContent = 'Copied';
      setTimeout(() => { button.textContent = 'Copy'; }, 2000);
    });
    const frame = document.createElement('div');
    frame.className = 'code';
    pre.replaceWith(frame);
    frame.append(pre, button);
  }
})();
