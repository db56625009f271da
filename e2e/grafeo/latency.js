#!/usr/bin/env node
'use strict';
// Commits at an even pace and prints how long the commits took.
//
//   GRAFEO_VERSION=0.6.0 node latency.js <path.grafeo> <commits> <milliseconds between two>
//
// One line of JSON: {"commits", "p50_us", "p99_us", "max_us"}. A commit is a transaction that
// inserts one node of 200 bytes; what is timed is its commit() alone, which is what waits for
// the disk.
const { binding } = require('./lib');
const fs = require('fs');

const [path, commits, pace] = process.argv.slice(2);
if (!pace) { console.error('usage: latency.js <path> <commits> <milliseconds>'); process.exit(2); }
const { GrafeoDB } = binding();
const db = fs.existsSync(path) ? GrafeoDB.open(path) : GrafeoDB.create(path);
const text = 'x'.repeat(200);

(async () => {
  const took = [];
  const began = process.hrtime.bigint();
  for (let i = 0; i < Number(commits); i++) {
    const due = began + BigInt(i) * BigInt(Math.round(Number(pace) * 1e6));
    const wait = Number(due - process.hrtime.bigint()) / 1e6;
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    const tx = db.beginTransaction();
    await tx.execute('INSERT (:Item {k: $k, s: $s})', { k: i, s: text });
    const from = process.hrtime.bigint();
    tx.commit();
    took.push(Number(process.hrtime.bigint() - from) / 1e3);
  }
  took.sort((a, b) => a - b);
  const at = (q) => Math.round(took[Math.min(took.length - 1, Math.floor(q * took.length))]);
  console.log(JSON.stringify({ commits: took.length, p50_us: at(0.5), p99_us: at(0.99), max_us: at(1) }));
  db.close();
})();
