#!/usr/bin/env node
'use strict';
// Makes a database of items with vectors, spills those as Grafeo 0.5 with section
// tiers does (the bindings for Node have none), and says what a database holds.
//
//   GRAFEO_VERSION=0.5.42 node vectors.js make <path.grafeo> <n> [--kill]
//   GRAFEO_VERSION=0.6.0 node vectors.js show <path.grafeo>
//
// make: n items, closed, or killed after a checkpoint. Their vectors are in
// <path>.spill/vectors_Item%3Aemb.bin and in no column, and a vector index is there for
// them, as in a database that was closed while they were spilled.
//
// show: opens the database in place and prints {vectors: {k: [..]}, nearest}, with the
// item that is nearest to the last one's vector, by the index.
const fs = require('fs');
const { binding, args } = require('./lib');
const { GrafeoDB } = binding();

const opt = args(process.argv.slice(2), ['kill']);
const [what, path, n] = opt._;
const dimensions = 4;
const vectorOf = (i) => [i, i * i, 0.5, -i].map(Math.fround);

function spill(ids) {
  const file = Buffer.alloc(64 + ids.length * (8 + 4 * dimensions));
  file.write('GRAFVEC1');
  file.writeBigUInt64LE(BigInt(dimensions), 8);
  file.writeBigUInt64LE(BigInt(ids.length), 16);
  file.writeBigUInt64LE(1n, 24);
  ids.forEach((id, i) => {
    const at = 64 + i * (8 + 4 * dimensions);
    file.writeBigUInt64LE(BigInt(id), at);
    vectorOf(i).forEach((v, j) => file.writeFloatLE(v, at + 8 + 4 * j));
  });
  fs.mkdirSync(path + '.spill', { recursive: true });
  fs.writeFileSync(path + '.spill/vectors_Item%3Aemb.bin', file);
}

(async () => {
  if (what === 'make') {
    const db = GrafeoDB.create(path);
    for (let i = 0; i < Number(n); i++) await db.execute('INSERT (:Item {k: $k})', { k: 'i' + i });
    await db.createVectorIndex('Item', 'emb', dimensions, 'euclidean');
    const ids = (await db.execute('MATCH (n:Item) RETURN n')).nodes().sort((a, b) => a.properties().k.slice(1) - b.properties().k.slice(1)).map((x) => x.id);
    spill(ids);
    if (opt.kill) { db.walCheckpoint(); process.kill(process.pid, 'SIGKILL'); }
    db.close();
    if (!fs.existsSync(path + '.spill/vectors_Item%3Aemb.bin')) spill(ids);
    return;
  }
  const db = GrafeoDB.open(path);
  const vectors = {};
  for (const x of (await db.execute('MATCH (n:Item) RETURN n')).nodes()) {
    const p = x.properties();
    vectors[p.k] = p.emb === undefined || p.emb === null ? null : Array.from(p.emb);
  }
  const last = Object.keys(vectors).length - 1;
  let nearest = null;
  try {
    const [[id]] = await db.vectorSearch('Item', 'emb', vectorOf(last), 1);
    for (const x of (await db.execute('MATCH (n:Item) RETURN n')).nodes()) if (x.id === id) nearest = x.properties().k;
  } catch (e) { nearest = 'none'; }
  db.close();
  console.log(JSON.stringify({ vectors, nearest }));
})();
