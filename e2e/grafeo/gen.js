#!/usr/bin/env node
'use strict';
// Writes to a database with the real Grafeo and logs what it must then hold.
//
//   GRAFEO_VERSION=0.6.0 node gen.js <path.grafeo> [options]
//
//   --commits N      transactions to commit in this run             (10)
//   --seed N         a random history: commits of every size and kind, and
//                    between them checkpoints, rollbacks and changes of the
//                    schema. Without it every commit adds --nodes nodes.
//   --nodes N        nodes added by each commit, without --seed      (10)
//   --pad BYTES      length of the text in each of those nodes       (16)
//   --state FILE     the model: read if it is there, written at the end, so
//                    that a later run goes on with the same database
//   --log FILE       one JSON line per commit is appended:
//                    {commit, epoch, nodes, edges, digest}, what inspect.js
//                    must report of a database at that point
//   --checkpoint-at  number of the commit of this run after which walCheckpoint
//                    is called                                       (never)
//   --kill           end with SIGKILL instead of a clean close
//   --kill-mid       the same, in the middle of a transaction
//
// The same options make the same graph. Every node carries its name in k, every
// edge its number in id.
const fs = require('fs');
const { binding, args, nodeLine, edgeLine, digest, rng } = require('./lib');

const opt = args(process.argv.slice(2), ['kill', 'kill-mid']);
const path = opt._[0];
if (!path) { console.error('usage: gen.js <path> [options]'); process.exit(2); }
const commits = Number(opt.commits ?? 10);

// The expected graph: name of a node -> {labels, props}; number of an edge ->
// {t, a, b, props}.
const model = { nodes: new Map(), edges: new Map(), graphs: [], next: 1, edge: 1 };
if (opt.state && fs.existsSync(opt.state)) {
  const s = JSON.parse(fs.readFileSync(opt.state, 'utf8'));
  Object.assign(model, { nodes: new Map(s.nodes), edges: new Map(s.edges), graphs: s.graphs, next: s.next, edge: s.edge });
}

function save() {
  if (!opt.state) return;
  fs.writeFileSync(opt.state, JSON.stringify({ ...model, nodes: [...model.nodes], edges: [...model.edges] }));
}

function modelDigest() {
  const lines = [];
  for (const [k, n] of model.nodes) lines.push(nodeLine(n.labels, { k, ...n.props }));
  for (const [id, e] of model.edges) lines.push(edgeLine(e.t, e.a, e.b, { id, ...e.props }));
  return digest(lines);
}

function text(random, length) {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789 äß€"\\\n';
  let s = '';
  while (s.length < length) s += alphabet[Math.floor(random() * alphabet.length)];
  return s;
}

// The steps of one transaction. Each changes the database and the model; older
// holds the names of nodes that no step of this transaction touched yet, since
// 0.5.42 does not delete a node of the same transaction.
class Steps {
  constructor(tx, c, random) {
    Object.assign(this, { tx, c, random, added: [], older: [...model.nodes.keys()], edges: [...model.edges.keys()], count: 0 });
  }
  take(list) { return list.splice(Math.floor(this.random() * list.length), 1)[0]; }

  async add(pad) {
    const r = this.random, k = `${this.c}-${this.count++}`;
    const label = ['Item', 'Person', 'Place'][Math.floor(r() * 3)];
    const props = { c: this.c, s: text(r, pad) };
    if (r() < 0.3) props.w = Math.floor(r() * 1000) + 0.5;
    if (r() < 0.3) props.b = r() < 0.5;
    if (r() < 0.2) props.l = [1, Math.floor(r() * 1e9), -3];
    if (r() < 0.1) props.s = '';
    const names = Object.keys(props);
    await this.tx.execute(`INSERT (:${label} {k: $k, ${names.map((n) => `${n}: $${n}`).join(', ')}})`, { k, ...props });
    model.nodes.set(k, { labels: [label], props });
    this.added.push(k);
  }
  async connect() {
    const any = [...this.added, ...this.older];
    if (any.length < 2) return;
    const a = any[Math.floor(this.random() * any.length)], b = any[Math.floor(this.random() * any.length)];
    const id = model.edge++, t = this.random() < 0.5 ? 'KNOWS' : 'NEAR';
    await this.tx.execute(`MATCH (a {k: $a}), (b {k: $b}) INSERT (a)-[:${t} {id: $id, c: $c}]->(b)`, { a, b, id, c: this.c });
    model.edges.set(id, { t, a, b, props: { c: this.c } });
  }
  async set() {
    if (!this.older.length) return;
    const k = this.take(this.older), n = model.nodes.get(k);
    await this.tx.execute('MATCH (n {k: $k}) SET n.touched = $c', { k, c: this.c });
    n.props.touched = this.c;
  }
  async unset() {
    if (!this.older.length) return;
    const k = this.take(this.older), n = model.nodes.get(k);
    await this.tx.execute('MATCH (n {k: $k}) REMOVE n.s', { k });
    delete n.props.s;
  }
  async label() {
    if (!this.older.length) return;
    const k = this.take(this.older), n = model.nodes.get(k);
    const on = !n.labels.includes('Tagged');
    await this.tx.execute(`MATCH (n {k: $k}) ${on ? 'SET' : 'REMOVE'} n:Tagged`, { k });
    n.labels = on ? [...n.labels, 'Tagged'] : n.labels.filter((l) => l !== 'Tagged');
  }
  async disconnect() {
    if (!this.edges.length) return;
    const id = this.take(this.edges), e = model.edges.get(id);
    if (!e) return;
    await this.tx.execute(`MATCH (a {k: $a})-[e:${e.t} {id: $id}]->(b {k: $b}) DELETE e`, { a: e.a, b: e.b, id });
    model.edges.delete(id);
  }
  async remove() {
    if (!this.older.length) return;
    // Not a node that this transaction connected: its edge is as new.
    const fresh = new Set([...model.edges.values()].filter((e) => e.props.c === this.c).flatMap((e) => [e.a, e.b]));
    const k = this.take(this.older);
    if (fresh.has(k)) return;
    await this.tx.execute('MATCH (n {k: $k}) DETACH DELETE n', { k });
    model.nodes.delete(k);
    for (const [id, e] of model.edges) if (e.a === k || e.b === k) model.edges.delete(id);
  }
}

// The steps of commit c. A random history mixes everything; a plain one adds
// the same number of nodes each time.
async function fill(steps, random) {
  if (opt.seed === undefined) {
    for (let i = 0; i < Number(opt.nodes ?? 10); i++) await steps.add(Number(opt.pad ?? 16));
    await steps.connect();
    return;
  }
  const kind = random();
  if (kind < 0.08) return; // an empty transaction
  if (kind < 0.16) { // a large one: on 0.6.0 a group of several frames
    for (let i = 0; i < 60; i++) await steps.add(2000 + Math.floor(random() * 2000));
    return;
  }
  if (kind < 0.19) { // one value larger than any buffer on the way
    await steps.add(300000);
    return;
  }
  const verbs = ['add', 'add', 'add', 'connect', 'connect', 'set', 'unset', 'label', 'disconnect', 'remove'];
  for (let n = 1 + Math.floor(random() * 8); n > 0; n--) {
    await steps[verbs[Math.floor(random() * verbs.length)]](8 + Math.floor(random() * 64));
  }
}

// What a random history does between two commits.
async function between(db, c, random) {
  const what = random();
  if (what < 0.10) {
    db.walCheckpoint();
  } else if (what < 0.18) {
    const tx = db.beginTransaction();
    await tx.execute('INSERT (:Item {k: $k})', { k: `rolled-back-${c}` });
    tx.rollback();
  } else if (what < 0.26) {
    await db.execute(`CREATE NODE TYPE Type${c} (name STRING NOT NULL, age INT64)`);
  } else if (what < 0.30) {
    await db.execute(`CREATE EDGE TYPE Relation${c} (since INT64)`);
  } else if (what < 0.34) {
    await db.execute(`CREATE INDEX index_${c} FOR (n:Item) ON (n.p${c})`);
  } else if (what < 0.37) {
    await db.execute(`CREATE GRAPH graph_${c}`);
    model.graphs.push(`graph_${c}`);
  }
}

(async () => {
  const { GrafeoDB } = binding();
  const db = fs.existsSync(path) ? GrafeoDB.open(path) : GrafeoDB.create(path);
  const kill = () => process.kill(process.pid, 'SIGKILL');
  for (let i = 1; i <= commits; i++) {
    const c = model.next++;
    const random = rng(c * 7919 + Number(opt.seed ?? 0) * 104729 + 1);
    const tx = db.beginTransaction();
    await fill(new Steps(tx, c, random), random);
    tx.commit();
    if (opt.log) {
      fs.appendFileSync(opt.log, JSON.stringify({
        commit: c,
        // 0.5.42 has no call for the epoch; it counts the commits since the open.
        epoch: db.currentEpoch ? Number(db.currentEpoch()) : i,
        nodes: model.nodes.size, edges: model.edges.size, digest: modelDigest(),
      }) + '\n');
    }
    if (opt.seed !== undefined) await between(db, c, random);
    if (i === Number(opt['checkpoint-at'])) db.walCheckpoint();
  }
  save();
  if (opt['kill-mid']) {
    const tx = db.beginTransaction();
    for (let i = 0; i < 40; i++) await tx.execute('INSERT (:Item {k: $k, s: $s})', { k: `never-${i}`, s: 'x'.repeat(4000) });
    kill();
  }
  if (opt.kill) kill();
  db.close();
})().catch((e) => { console.error(e.message); process.exit(1); });
