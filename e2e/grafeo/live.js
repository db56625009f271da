#!/usr/bin/env node
'use strict';
// A program that has a database open and does what it is told, one command a
// line on stdin, one line of JSON as the answer to each: {"ok":true,...} or
// {"error":"..."}. So a test decides what happens when, in a process that lives.
//
//   GRAFEO_VERSION=0.6.0 node live.js <path.grafeo> <log>
//
//   open              open the database, or create it
//   close             close it cleanly
//   kill              end with SIGKILL, between two commits
//   commit N          N transactions
//   ballast N BYTES   one transaction with N nodes of that size
//   direct N          N nodes by direct calls, which 0.5 has in no commit, and a
//                     transaction that is rolled back, which drops them from its log
//   run MS HOW        from now on commit without a pause, with a checkpoint every
//                     MS milliseconds: HOW is call (walCheckpoint) or trigger
//                     (setCheckpointTriggers, 0.6 only); the answer comes at once
//   stop              end that; the answer has the number of commits
//   checkpoint        walCheckpoint
//   full DIR          the database's own full backup
//   incremental DIR   the database's own incremental backup
//   during WHAT ARG   do WHAT while a statement of a transaction runs, which is
//                     then committed: full DIR, incremental DIR, or pause FILE,
//                     which is to stand still until FILE is there
//   across WHAT ARG   do WHAT between two statements of a transaction
//   model FILE        write the model, from which --model FILE goes on
//
// <log> gets one JSON line per commit: {run, commit, epoch, from, to, digest}:
// epochs start again with each run on 0.5.42, from and to are the clock before
// and after the commit. What a commit does depends on its number only, so equal
// commands make equal databases.
const fs = require('fs');
const readline = require('readline');
const { binding, args, nodeLine, edgeLine, digest, rng } = require('./lib');

const opt = args(process.argv.slice(2), []);
const [path, logPath] = opt._;
if (!logPath) { console.error('usage: live.js <path> <log>'); process.exit(2); }
const { GrafeoDB } = binding();
const log = fs.openSync(logPath, 'a');

let model = { next: 1, run: 0, nodes: [], edges: [] };
if (opt.model) model = JSON.parse(fs.readFileSync(opt.model, 'utf8'));
const nodes = new Map(model.nodes); // name -> properties
const edges = new Map(model.edges); // number -> {t, a, b}, where number is in id
let db, epoch = 0, running, stop = false;

function modelDigest() {
  const lines = [];
  for (const [k, p] of nodes) lines.push(nodeLine(['Item'], { k, ...p }));
  for (const [id, e] of edges) lines.push(edgeLine(e.t, e.a, e.b, { id }));
  return digest(lines);
}

function text(random, length) {
  let s = '';
  while (s.length < length) s += Math.floor(random() * 2 ** 32).toString(36);
  return s.slice(0, length);
}

async function insert(tx, all) {
  const params = {};
  const parts = all.map(([k, p], i) => {
    params['k' + i] = k; params['c' + i] = p.c; params['s' + i] = p.s;
    return `(:Item {k: $k${i}, c: $c${i}, s: $s${i}})`;
  });
  const done = tx.execute('INSERT ' + parts.join(', '), params);
  for (const [k, p] of all) nodes.set(k, p);
  await done;
}

// A transaction: begin, what steps do, commit, a line in the log.
async function transaction(steps) {
  const c = model.next++, random = rng(c * 7919 + 1);
  const tx = db.beginTransaction();
  await steps(tx, c, random);
  const from = Date.now();
  tx.commit();
  const to = Date.now();
  epoch++;
  if (db.currentEpoch) epoch = Number(db.currentEpoch());
  fs.writeSync(log, JSON.stringify({ run: model.run, commit: c, epoch, from, to, digest: modelDigest() }) + '\n');
}

// Some nodes more, an edge, a property changed, and once there are many an old
// node less: only old ones, as 0.5.42 does not delete those of the same
// transaction.
const commit = () => transaction(async (tx, c, random) => {
  const old = [...nodes.keys()].filter((k) => !k.startsWith('b'));
  await insert(tx, [0, 1].map((i) => [`${c}-${i}`, { c, s: text(random, 8 + Math.floor(random() * 200)) }]));
  await tx.execute('MATCH (a {k: $a}), (b {k: $b}) INSERT (a)-[:PAIR {id: $c}]->(b)', { a: `${c}-0`, b: `${c}-1`, c });
  edges.set(c, { t: 'PAIR', a: `${c}-0`, b: `${c}-1` });
  if (old.length < 3) return;
  const [touched] = old.splice(Math.floor(random() * old.length), 1);
  await tx.execute('MATCH (n {k: $k}) SET n.touched = $c', { k: touched, c });
  nodes.get(touched).touched = c;
  for (let n = old.length > 60 ? 2 : c % 5 === 0 ? 1 : 0; n > 0; n--) {
    const [gone] = old.splice(Math.floor(random() * old.length), 1);
    await tx.execute('MATCH (n {k: $k}) DETACH DELETE n', { k: gone });
    nodes.delete(gone);
    for (const [id, e] of edges) if (e.a === gone || e.b === gone) edges.delete(id);
  }
});

const many = (c, from, n, length, random, prefix = '') =>
  Array.from({ length: n }, (_, i) => [`${prefix}${c}-${from + i}`, { c, s: text(random, length) }]);

const own = {
  full: (dir) => db.backupFull(dir),
  incremental: (dir) => db.backupIncremental(dir),
  pause: (file) => {
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    for (let n = 0; !fs.existsSync(file) && n < 60000; n++) Atomics.wait(sleeper, 0, 0, 1);
  },
};

const commands = {
  open() {
    db = fs.existsSync(path) ? GrafeoDB.open(path) : GrafeoDB.create(path);
    model.run++;
    epoch = 0;
  },
  close() { db.close(); db = undefined; },
  kill() { process.kill(process.pid, 'SIGKILL'); },
  async commit(n) { for (let i = 0; i < Number(n); i++) await commit(); },
  ballast: (n, length) => transaction((tx, c, random) => insert(tx, many(c, 0, Number(n), Number(length), random, 'b'))),
  async direct(n) {
    for (let i = 0; i < Number(n); i++) {
      const k = `d${model.next}-${i}`, p = { c: model.next, s: 'direct' };
      db.createNode(['Item'], { k, ...p });
      nodes.set(k, p);
    }
    const tx = db.beginTransaction();
    await tx.execute('INSERT (:Item {k: $k})', { k: 'rolled back' });
    tx.rollback();
  },
  run(ms, how) {
    stop = false;
    if (how === 'trigger') db.setCheckpointTriggers({ intervalMs: Number(ms) });
    running = (async () => {
      let n = 0, last = Date.now();
      for (; !stop; n++) {
        await commit();
        if (how === 'call' && Date.now() - last >= Number(ms)) { db.walCheckpoint(); last = Date.now(); }
      }
      return n;
    })();
    running.catch(() => {}); // stop reports it
  },
  async stop() {
    stop = true;
    return { commits: await running };
  },
  checkpoint() { db.walCheckpoint(); },
  full: own.full,
  incremental: own.incremental,
  async during(what, dir) {
    let failure;
    await transaction(async (tx, c, random) => {
      const running = insert(tx, many(c, 0, 400, 300, random));
      await new Promise((resolve) => setTimeout(resolve, 1));
      try { own[what](dir); } catch (e) { failure = e; }
      await running;
    });
    // So that the model, and with it a digest, stays small.
    await transaction(async (tx, c) => {
      await tx.execute('MATCH (n {c: $c}) DETACH DELETE n', { c: c - 1 });
      for (const [k, p] of nodes) if (p.c === c - 1) nodes.delete(k);
    });
    if (failure) throw failure;
  },
  async across(what, dir) {
    let failure;
    await transaction(async (tx, c, random) => {
      await insert(tx, many(c, 0, 1, 20, random));
      try { own[what](dir); } catch (e) { failure = e; }
      await insert(tx, many(c, 1, 1, 20, random));
    });
    if (failure) throw failure;
  },
  model(file) { fs.writeFileSync(file, JSON.stringify({ ...model, nodes: [...nodes], edges: [...edges] })); },
};

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [name, ...rest] = line.split(' ');
    let answer;
    try {
      answer = { ok: true, ...(await commands[name](...rest)) };
    } catch (e) {
      answer = { error: e.message };
    }
    fs.writeSync(1, JSON.stringify(answer) + '\n');
  }
  process.exit(0); // the test has gone
})();
