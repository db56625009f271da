#!/usr/bin/env node
'use strict';
// Opens many databases with the real Grafeo in one process, which is what takes
// the time, and says of each what it holds, one line of JSON: {path, epoch,
// digest} or {path, error}. That queries show an edge twice, or not in both
// directions, is an error. Their paths come in lines on stdin. They are opened
// where they are, and closed.
//
// With `restore DIR EPOCH PATH` for a line, a native backup is restored first.
const fs = require('fs');
const { binding, nodeLine, edgeLine, digest } = require('./lib');

(async () => {
  const { GrafeoDB } = binding();
  for (const line of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
    let path = line;
    const out = {};
    try {
      if (line.startsWith('restore ')) {
        const [, dir, epoch, to] = line.split(' ');
        path = to;
        GrafeoDB.restoreToEpoch(dir, Number(epoch), to);
      }
      const db = GrafeoDB.open(path);
      out.epoch = db.currentEpoch ? Number(db.currentEpoch()) : null;
      const lines = [];
      const name = new Map();
      for (const n of (await db.execute('MATCH (n) RETURN n')).nodes()) {
        const p = n.properties();
        name.set(n.id, p.k ?? String(n.id));
        lines.push(nodeLine(n.labels, p));
      }
      const edges = (await db.execute('MATCH ()-[e]->() RETURN e')).edges();
      for (const e of edges) {
        lines.push(edgeLine(e.edgeType, name.get(e.sourceId), name.get(e.targetId), e.properties()));
      }
      for (const way of ['MATCH (a)-[e]->(b) RETURN type(e)', 'MATCH (b)<-[e]-(a) RETURN type(e)']) {
        const rows = (await db.execute(way)).toArray().length;
        if (rows !== edges.length) throw new Error(`${way} shows ${rows} of ${edges.length} edges`);
      }
      out.digest = digest(lines);
      db.close();
    } catch (e) {
      out.error = e.message;
    }
    fs.writeSync(1, JSON.stringify({ path, ...out }) + '\n');
  }
})();
