#!/usr/bin/env node
'use strict';
// Makes a large database with the real Grafeo, for scripts/bench.sh.
//
//   GRAFEO_VERSION=0.6.0 node large.js <path.grafeo> [options]
//
//   --nodes N     people, each with seven properties and two edges; 300 bytes
//                 of the image for each                            (1000000)
//   --backup DIR  instead, take one of Grafeo's own full backups of the database
//               that is there, into folder D, and say how long that took
//
// The same options make the same graph. The database is closed cleanly.
const { binding, args, rng } = require('./lib');

const words = ('amber basin cedar delta ember fjord grove harbor inlet juniper kelp lagoon meadow north orchard prairie '
  + 'quarry ridge summit tundra upland valley willow yarrow zephyr').split(' ');

async function main() {
  const opt = args(process.argv.slice(2), []);
  const path = opt._[0];
  if (!path) throw new Error('usage: large.js <path> [--nodes N | --backup DIR]');
  const db = opt.backup ? binding().GrafeoDB.open(path) : binding().GrafeoDB.create(path);
  if (opt.backup) {
    const begin = Date.now();
    await db.backupFull(opt.backup);
    console.log(`${Date.now() - begin} ms`);
    db.close();
    return;
  }
  const random = rng(1);
  const below = (n) => Math.floor(random() * n);
  const text = (n) => Array.from({ length: n }, () => words[below(words.length)]).join(' ');
  const nodes = Number(opt.nodes ?? 1000000);
  const ids = Array.from({ length: nodes }, (_, id) => db.createNode(['Person'], {
    id, name: text(2), email: `${text(1)}${id}@example.org`, city: text(1), about: text(15 + below(30)), score: random(), born: 1900 + below(120),
  }).id);
  for (let i = 0; i < 2 * nodes; i++) db.createEdge(ids[below(nodes)], ids[below(nodes)], 'KNOWS', { since: 2000 + below(25) });
  db.close();
}

main().catch((err) => { console.error(err); process.exit(1); });
