#!/usr/bin/env node
'use strict';
// Does to databases what it is told, one JSON command a line, and answers each
// with a line: what it has seen, or {"error": ...}. So a test takes backups
// between two steps of a database that stays open. A copy of its files at any
// moment is what a kill would leave there.
//
//   GRAFEO_VERSION=0.5.42 node works.js
//
//   {"do":"names"}                    the names of the operations below
//   {"do":"create","path":P}          a database with nodes and edges
//   {"do":"op","name":N}              one of the operations on it
//   {"do":"checkpoint"}               walCheckpoint
//   {"do":"native","dir":D}           backupFull
//   {"do":"after"}                    two more commits
//   {"do":"view"}                     what queries say; it must come last
//   {"do":"close"}
//   {"do":"look","path":P}            open P, view it, close it
const fs = require('fs');
const { binding } = require('./lib');
const { GrafeoDB } = binding();

const run = async (db, ...statements) => { for (const s of statements) await db.execute(s); };
const nodes = (db, ...rows) => db.batchCreateNodes('V', 'e', rows);

// Ways to write something durable, on a database with the nodes (:A {i: 0..2}) and
// the edges 0->1 and 1->2 of type E, which have the ids in this order.
const ops = {
  insert: (db) => run(db, 'INSERT (:B {i: 9})'),
  insertEdge: (db) => run(db, 'MATCH (a:A {i: 0}), (b:A {i: 2}) INSERT (a)-[:X {w: 5}]->(b)'),
  set: (db) => run(db, 'MATCH (a:A {i: 0}) SET a.x = 5'),
  remove: (db) => run(db, 'MATCH (a:A {i: 2}) DETACH DELETE a'),
  removeEdge: (db) => run(db, 'MATCH (a:A {i: 0})-[e:E]->(b) DELETE e'),
  setEdge: (db) => run(db, 'MATCH (a:A {i: 0})-[e:E]->(b) SET e.w = 99'),
  labels: (db) => run(db, 'MATCH (a:A {i: 0}) SET a:L', 'MATCH (a:A {i: 1}) SET a:L', 'MATCH (a:A {i: 1}) REMOVE a:L'),
  merge: (db) => run(db, 'MERGE (:M {i: 1})', 'MATCH (a:A {i: 0}), (b:A {i: 2}) MERGE (a)-[:ME]->(b)'),
  cypher: (db) => db.executeCypher('CREATE (:CY {i: 1})'),
  gremlin: (db) => db.executeGremlin("g.addV('GR').property('i', 1)"),
  transaction: async (db) => {
    const tx = db.beginTransaction();
    await tx.execute('INSERT (:T {i: 1})');
    await tx.execute('MATCH (a:A {i: 0}), (b:A {i: 2}) INSERT (a)-[:X {w: 1}]->(b)');
    tx.commit();
  },
  rollback: async (db) => {
    const tx = db.beginTransaction();
    await tx.execute('INSERT (:T {i: 1})');
    tx.rollback();
  },
  createNode: (db) => { db.createNode(['D'], { i: 1 }); },
  createEdge: (db) => { db.createEdge(0, 1, 'DE', { w: 1 }); },
  createBoth: (db) => {
    const n = db.createNode(['D'], { i: 5 });
    db.createEdge(0, n.id, 'DE', { w: 1 });
    db.createEdge(n.id, 0, 'DE', { w: 2 });
  },
  setNodeProperty: (db) => { db.setNodeProperty(0, 'i', 77); },
  setAgain: async (db) => { await run(db, 'MATCH (a:A {i: 0}) SET a.x = 5'); db.setNodeProperty(0, 'x', 6); },
  setEdgeProperty: (db) => { db.setEdgeProperty(0, 'w', 77); },
  deleteEdge: (db) => { db.deleteEdge(0); },
  deleteNode: (db) => { db.deleteEdge(0); db.deleteNode(0); },
  removeNodeProperty: (db) => { db.removeNodeProperty(0, 'i'); },
  nodeLabels: (db) => { db.addNodeLabel(0, 'DL'); db.removeNodeLabel(1, 'A'); },
  batchCreateNodes: (db) => nodes(db, [1, 2, 3], [4, 5, 6]),
  directAndRollback: async (db) => { db.createNode(['D'], { i: 1 }); db.createEdge(0, 1, 'DE', { w: 1 }); await ops.rollback(db); },
  directAndError: async (db) => { db.createNode(['D'], { i: 1 }); try { await run(db, 'FOO BAR'); } catch { /* as it should */ } },
  sparql: (db) => db.executeSparql('INSERT DATA {<http://a> <http://p> "1"}'),
  sparqlGraph: (db) => db.executeSparql('INSERT DATA {GRAPH <http://g> {<http://a> <http://p> "1"}}'),
  sparqlDelete: async (db) => {
    await db.executeSparql('INSERT DATA {<http://a> <http://p> "1" . <http://b> <http://p> "2"}');
    await db.executeSparql('DELETE DATA {<http://a> <http://p> "1"}');
  },
  nodeType: (db) => run(db, 'CREATE NODE TYPE T1 (name STRING NOT NULL, age INT64)'),
  edgeType: (db) => run(db, 'CREATE EDGE TYPE R1 (since INT64)'),
  alterType: (db) => run(db, 'CREATE NODE TYPE T2 (name STRING)', 'ALTER NODE TYPE T2 ADD PROPERTY age INT64'),
  constraint: (db) => run(db, 'CREATE NODE TYPE A (i INT64)', 'CREATE CONSTRAINT c FOR (a:A) ON (a.i) UNIQUE'),
  index: (db) => run(db, 'CREATE INDEX ix FOR (n:A) ON (n.i)'),
  procedure: (db) => run(db, 'CREATE PROCEDURE pr(x INT64) RETURNS (y INT64) AS { MATCH (n) WHERE n.i = $x RETURN n.i AS y }'),
  schema: (db) => run(db, 'CREATE SCHEMA s1'),
  graph: (db) => run(db, 'CREATE GRAPH g'),
  inGraph: (db) => run(db, 'CREATE GRAPH g', 'USE GRAPH g', 'INSERT (:G {i: 1})-[:GE {w: 1}]->(:G {i: 2})'),
  outOfGraph: async (db) => { await ops.inGraph(db); await run(db, 'USE GRAPH default'); },
  dropGraph: async (db) => { await ops.outOfGraph(db); await run(db, 'DROP GRAPH g'); },
  vectorIndex: async (db) => { await nodes(db, [1, 2, 3], [4, 5, 6]); await db.createVectorIndex('V', 'e', 3); },
  textIndex: async (db) => { db.createNode(['TX'], { t: 'hello world' }); await db.createTextIndex('TX', 't'); },
  compact: (db) => { db.compact(); },
  compactInsert: async (db) => { db.compact(); await run(db, 'INSERT (:CI {i: 1})'); },
  openTransaction: async (db, then) => {
    const tx = db.beginTransaction();
    await tx.execute('INSERT (:T {i: 1})');
    await tx.execute('MATCH (a:A {i: 0}), (b:A {i: 2}) INSERT (a)-[:X {w: 1}]->(b)');
    then.push(async () => { await tx.execute('INSERT (:T {i: 2})'); tx.commit(); });
  },
  openAndDirect: async (db, then) => { await ops.openTransaction(db, then); db.createEdge(2, 0, 'DE', { w: 8 }); },
};

// What queries say, edges in both directions and by themselves. A part that cannot
// be asked for is the message.
async function view(db) {
  const out = {};
  const ask = async (part, execute, query) => {
    try {
      const rows = (await execute(query)).toArray();
      out[part] = rows.map((r) => JSON.stringify(Object.values(r), (k, v) => (typeof v === 'bigint' ? String(v) : v))).sort();
    } catch (e) {
      out[part] = [e.message.replace(/\S*\/\S*/g, '')];
    }
  };
  const gql = (q) => db.execute(q);
  const content = async (graph) => {
    await ask(`${graph}nodes`, gql, 'MATCH (n) RETURN labels(n), n.i, n.x, n.t, n.e');
    await ask(`${graph}labelled`, gql, 'MATCH (n:A) RETURN n.i');
    await ask(`${graph}out`, gql, 'MATCH (a)-[e]->(b) RETURN a.i, type(e), e.w, b.i');
    await ask(`${graph}in`, gql, 'MATCH (b)<-[e]-(a) RETURN a.i, type(e), e.w, b.i');
    await ask(`${graph}edges`, gql, 'MATCH ()-[e]->() RETURN type(e), e.w');
  };
  await run(db, 'USE GRAPH default');
  await content('');
  for (const what of ['NODE TYPES', 'EDGE TYPES', 'CONSTRAINTS', 'GRAPHS', 'SCHEMAS', 'GRAPH TYPES']) await ask(what, gql, 'SHOW ' + what);
  const sparql = (q) => db.executeSparql(q);
  await ask('triples', sparql, 'SELECT ?s ?p ?o WHERE {?s ?p ?o}');
  await ask('graph triples', sparql, 'SELECT ?g ?s ?p ?o WHERE {GRAPH ?g {?s ?p ?o}}');
  try { // last, as it changes the database
    await run(db, 'INSERT (:A {i: 1})');
    out.duplicate = ['accepted'];
  } catch {
    out.duplicate = ['refused'];
  }
  if (out.GRAPHS.length > 0) {
    try { await run(db, 'USE GRAPH g'); await content('g '); } catch (e) { out['g nodes'] = [e.message]; }
  }
  return out;
}

let db, then = [];
const commands = {
  names: () => Object.keys(ops),
  create: async ({ path }) => {
    db = GrafeoDB.create(path);
    then = [];
    await run(db, 'INSERT (:A {i: 0})', 'INSERT (:A {i: 1})', 'INSERT (:A {i: 2})',
      'MATCH (a:A {i: 0}), (b:A {i: 1}) INSERT (a)-[:E {w: 1}]->(b)', 'MATCH (a:A {i: 1}), (b:A {i: 2}) INSERT (a)-[:E {w: 2}]->(b)');
  },
  op: ({ name }) => ops[name](db, then),
  checkpoint: () => db.walCheckpoint(),
  native: ({ dir }) => { db.backupFull(dir); },
  after: async () => {
    for (const f of then) await f();
    then = [];
    await run(db, 'INSERT (:Z {i: 100})', 'MATCH (a:A {i: 1}), (z:Z) INSERT (a)-[:ZE {w: 3}]->(z)');
  },
  view: () => view(db),
  close: () => db.close(),
  look: async ({ path }) => {
    const other = GrafeoDB.open(path);
    try { return await view(other); } finally { other.close(); }
  },
};

(async () => {
  for await (const line of require('readline').createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    let answer;
    try {
      answer = (await commands[command.do](command)) ?? null;
    } catch (e) {
      answer = { error: e.message };
    }
    fs.writeSync(1, JSON.stringify(answer) + '\n');
  }
})();
