// Replaces <main> every ten seconds. Nothing needs it: without it the page is refreshed by its link.
const by = (id) => document.getElementById(id);
let isPaused = false, isAsking = false, says = '';

async function refresh() {
  if (isAsking || isPaused || document.hidden || !getSelection().isCollapsed) return;
  isAsking = true;
  try {
    const answer = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(8000) });
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main');
    if (!answer.ok || !next) throw new Error(answer.statusText);
    show(next);
    by('old').textContent = '';
  } catch {
    by('old').textContent = 'The watcher does not answer. What stands here was so at ' +
      document.querySelector('footer time').textContent + ', and may not be so any more.';
  }
  isAsking = false;
}

function show(next) {
  const open = [...document.querySelectorAll('details')].map((d) => d.open);
  const focused = document.activeElement.id, link = document.activeElement.getAttribute('href');
  document.querySelector('main').replaceWith(document.adoptNode(next));
  document.querySelectorAll('details').forEach((d, i) => { d.open = open[i]; });
  dress();
  const again = focused ? by(focused) : link && [...document.links].find((a) => a.getAttribute('href') === link);
  if (again) again.focus({ preventScroll: true });
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
