#!/usr/bin/env node
'use strict';
// Opens a database with the real Grafeo and says what it holds, as one line of
// JSON: {version, epoch, nodes, edges, digest, schema}, or {version, error} and
// exit status 1 when it does not open.
//
//   GRAFEO_VERSION=0.6.0 node inspect.js <path.grafeo> [--in-place]
//
// Opening replays the log and closing writes a checkpoint, so it works on a copy
// unless --in-place is given. epoch is null on 0.5.42, which has no call for it.
// The digest leaves out ids and order and equals the one that gen.js logs;
// schema is a digest of types, indexes and named graphs.
const fs = require('fs');
const os = require('os');
const { join, basename } = require('path');
const { binding, args, nodeLine, edgeLine, digest } = require('./lib');

const opt = args(process.argv.slice(2), ['in-place']);
const path = opt._[0];
if (!path) { console.error('usage: inspect.js <path> [--in-place]'); process.exit(2); }

(async () => {
  const { GrafeoDB, version } = binding();
  const out = { version: version() };
  let at = path, temp;
  try {
    if (!opt['in-place']) {
      temp = fs.mkdtempSync(join(os.tmpdir(), 'inspect-'));
      at = join(temp, basename(path));
      fs.cpSync(path, at, { recursive: true });
      if (fs.existsSync(path + '.wal')) fs.cpSync(path + '.wal', at + '.wal', { recursive: true });
    }
    const db = GrafeoDB.open(at);
    out.epoch = db.currentEpoch ? Number(db.currentEpoch()) : null;
    const lines = [];
    const name = new Map();
    for (const n of (await db.execute('MATCH (n) RETURN n')).nodes()) {
      const p = n.properties();
      name.set(n.id, p.k ?? String(n.id));
      lines.push(nodeLine(n.labels, p));
    }
    out.nodes = lines.length;
    for (const e of (await db.execute('MATCH ()-[e]->() RETURN e')).edges()) {
      lines.push(edgeLine(e.edgeType, name.get(e.sourceId), name.get(e.targetId), e.properties()));
    }
    out.edges = lines.length - out.nodes;
    out.digest = digest(lines);
    const schema = [];
    for (const what of ['NODE TYPES', 'EDGE TYPES', 'INDEXES', 'CONSTRAINTS', 'GRAPHS', 'SCHEMAS']) {
      for (const row of (await db.execute('SHOW ' + what)).toArray()) schema.push(what + JSON.stringify(row));
    }
    out.schema = digest(schema);
    db.close();
  } catch (e) {
    out.error = e.message;
    process.exitCode = 1;
  } finally {
    if (temp) fs.rmSync(temp, { recursive: true, force: true });
  }
  console.log(JSON.stringify(out));
})();
