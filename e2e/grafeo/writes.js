#!/usr/bin/env node
'use strict';
// Writes to a database in ways that gen.js and live.js do not know, one step for
// each argument behind the path, and ends by the last one:
//
//   GRAFEO_VERSION=0.5.42 node writes.js <path> STEP...
//
//   q:TEXT       a GQL statement           begin, tq:TEXT, commit, rollback
//   sparql:TEXT  a SPARQL update           a transaction and its statements
//   node:N       createNode                checkpoint  walCheckpoint
//   edge:A,B     createEdge of two ids     compact     compact
//   batch:N      batchCreateNodes of N     close, kill how it ends
//   look         one line of JSON: what queries find, edges in both directions
const fs = require('fs');
const { binding } = require('./lib');

const [path, ...steps] = process.argv.slice(2);
const { GrafeoDB } = binding();
let db, tx;

async function look() {
  const rows = async (q) => (await db.execute(q)).toArray();
  const out = {
    nodes: (await rows('MATCH (n) RETURN labels(n) AS l, n.i AS i')).map((r) => `${r.l}:${r.i}`).sort(),
    out: (await rows('MATCH (a)-[e]->(b) RETURN a.i AS a, type(e) AS t, b.i AS b')).map((r) => `${r.a}-${r.t}-${r.b}`).sort(),
    in: (await rows('MATCH (b)<-[e]-(a) RETURN a.i AS a, type(e) AS t, b.i AS b')).map((r) => `${r.a}-${r.t}-${r.b}`).sort(),
    triples: db.executeSparql ? (await db.executeSparql('SELECT ?s ?p ?o WHERE {?s ?p ?o}')).toArray().length : -1,
    schema: [],
  };
  for (const what of ['NODE TYPES', 'EDGE TYPES', 'CONSTRAINTS', 'GRAPHS']) {
    for (const row of await rows('SHOW ' + what)) out.schema.push(what + JSON.stringify(row));
  }
  fs.writeSync(1, JSON.stringify(out) + '\n');
}

const does = {
  q: (s) => db.execute(s),
  sparql: (s) => db.executeSparql(s),
  node: (i) => db.createNode(['D'], { i: Number(i) }),
  edge: (ids) => { const [a, b] = ids.split(',').map(Number); db.createEdge(a, b, 'DIRECT', { w: 1 }); },
  batch: (n) => db.batchCreateNodes('V', 'v', Array.from({ length: Number(n) }, (_, i) => [i, 1])),
  begin: () => { tx = db.beginTransaction(); },
  tq: (s) => tx.execute(s),
  commit: () => tx.commit(),
  rollback: () => tx.rollback(),
  checkpoint: () => db.walCheckpoint(),
  compact: () => db.compact(),
  close: () => db.close(),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  look,
};

(async () => {
  db = fs.existsSync(path) ? GrafeoDB.open(path) : GrafeoDB.create(path);
  for (const step of steps) {
    const [name, ...rest] = step.split(':');
    await does[name](rest.join(':'));
  }
  process.exit(0);
})();
