#!/usr/bin/env node
'use strict';
// Makes a large database with the real Grafeo, for scripts/bench.sh.
//
//   GRAFEO_VERSION=0.6.0 node large.js <path.grafeo> [options]
//
//   --nodes N   people to add, some 2 KB each on disk                (100000)
//   --backup D  instead, take one of Grafeo's own full backups of the database
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
  const text = (n) => Array.from({ length: n }, () => (random() < 0.2 ? random().toString(36).slice(2, 9) : words[Math.floor(random() * words.length)])).join(' ');
  const nodes = Number(opt.nodes ?? 100000), batch = 1000;
  for (let from = 0; from < nodes; from += batch) {
    const tx = db.beginTransaction();
    for (let id = from; id < Math.min(nodes, from + batch); id++) {
      await tx.execute('INSERT (:Person {id: $id, name: $name, about: $about, score: $score, born: $born})',
        { id, name: text(2), about: text(150 + Math.floor(random() * 250)), score: random(), born: 1900 + Math.floor(random() * 120) });
    }
    tx.commit();
  }
  db.close();
}

main().catch((err) => { console.error(err); process.exit(1); });
