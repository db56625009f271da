// Replaces <main> every ten seconds. Nothing needs it: without it the page is refreshed by its link.
const by = (id) => document.getElementById(id);
let isPaused = false, isAsking = false, says = '', last = Date.now();

async function refresh() {
  if (isAsking || document.hidden) return;
  if (isPaused || !getSelection().isCollapsed) {
    if (Date.now() - last > 25000) warn('This page stands still.');
    return;
  }
  isAsking = true;
  try {
    const answer = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(8000) });
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main');
    if (!answer.ok || !next) throw new Error(answer.statusText);
    show(next);
    last = Date.now();
    by('old').textContent = '';
  } catch {
    warn('The watcher does not answer.');
  }
  isAsking = false;
}

function warn(why) {
  document.title = 'Not known any more · gbak-s3';
  by('old').textContent = why + ' What is below was so at ' + document.querySelector('footer time').textContent + ', and may not be so any more.';
}

function show(next) {
  const open = [...document.querySelectorAll('details')].map((d) => d.open);
  const alike = (html) => [...document.querySelectorAll('main a, main button, main summary, main [tabindex]')].filter((e) => e.outerHTML === html);
  const focused = document.activeElement.outerHTML, place = alike(focused).indexOf(document.activeElement);
  document.querySelector('main').replaceWith(document.adoptNode(next));
  document.querySelectorAll('details').forEach((d, i) => { d.open = open[i]; });
  dress();
  if (place >= 0) alike(focused)[place]?.focus({ preventScroll: true });
}

function dress() {
  const { says: now, icon } = by('summary').dataset;
  document.title = now;
  document.querySelector('link[rel=icon]').href = icon;
  if (says && says !== now) by('news').textContent = now;
  says = now;
  document.querySelectorAll('button.copy').forEach((b) => { b.hidden = !navigator.clipboard; });
}

document.addEventListener('click', async (e) => {
  if (!e.target.matches('button.copy')) return;
  await navigator.clipboard.writeText(by(e.target.dataset.of).textContent);
  e.target.textContent = 'Copied';
});
by('pause').hidden = false;
by('pause').onclick = () => {
  isPaused = !isPaused;
  by('pause').setAttribute('aria-pressed', isPaused);
  refresh();
};
document.addEventListener('visibilitychange', refresh);
setInterval(refresh, 10000);
dress();
