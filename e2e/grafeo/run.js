#!/usr/bin/env node
'use strict';
// Creates a database with the real Grafeo, executes statements, each a transaction of its
// own, and closes it:
//
//   GRAFEO_VERSION=0.6.0 node run.js <path.grafeo> <statement>...
const { binding } = require('./lib');

(async () => {
  const [path, ...statements] = process.argv.slice(2);
  const db = binding().GrafeoDB.create(path);
  for (const s of statements) await db.execute(s);
  db.close();
})().catch((e) => { console.error(e.message); process.exit(1); });
