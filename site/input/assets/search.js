'use strict';
// Finds sections by words; an error message may be pasted as it was printed.
(() => {
  const common = new Set('a an and are as at be but by can do does for from has have how i if in is it not of on or s3 gbak that the this to was what with you your'.split(' '));
  const index = new MiniSearch({
    processTerm: (term) => common.has(term.toLowerCase()) ? null : term.toLowerCase(),
    fields: ['heading', 'text', 'page'], storeFields: ['page', 'heading', 'text', 'weight'],
    searchOptions: {
      boost: { heading: 3, page: 2 }, boostDocument: (id, term, stored) => stored.weight,
      prefix: term => term.length > 2, fuzzy: term => term.length > 4 ? 0.15 : 0 },
  });
  index.addAll(window.sections);
  const input = document.querySelector('input[type=search]');
  const found = document.getElementById('found');
  const results = document.getElementById('results');
  input.value = new URLSearchParams(location.search).get('q') ?? '';

  function excerpt(text, terms) {
    const lower = text.toLowerCase();
    const at = Math.min(...terms.map(t => lower.indexOf(t)).filter(i => i >= 0), text.length);
    const begin = Math.max(0, at === text.length ? 0 : at - 60);
    return (begin ? '… ' : '') + text.slice(begin, begin + 200) + (begin + 200 < text.length ? ' …' : '');
  }

  function search() {
    const words = input.value.trim();
    // Any of the words: a message has names and numbers that no page has. Rare words count more.
    const hits = words ? index.search(words).slice(0, 30) : [];
    found.textContent = !words ? 'Type what you look for above.' : hits.length ? `${hits.length === 30 ? 'The best 30' : hits.length} sections` : `Nothing has “${words}”.`;
    results.replaceChildren(...hits.map(hit => {
      const item = document.createElement('li');
      const link = document.createElement('a');
      link.href = hit.id;
      link.textContent = hit.heading === hit.page ? hit.page : `${hit.page}: ${hit.heading}`;
      const text = document.createElement('p');
      text.textContent = excerpt(hit.text, hit.terms);
      item.append(link, text);
      return item;
    }));
  }
  input.addEventListener('input', search);
  input.focus();
  search();
})();
