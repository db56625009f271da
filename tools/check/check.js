#!/usr/bin/env node
'use strict';
// Opens a restored database with the real Grafeo, reads all of it, counts it in more than
// one way, and ends with a digest of its content:
//
//   gbak-s3 drill ARCHIVE --exec 'node check.js {}'
//
//   node check.js [--binding MODULE] [--migrate] [--reopen] [--in-place] DATABASE
//
// It CHANGES the database that it opens: opening replays the log, and closing writes a
// checkpoint. A drill's copy is thrown away afterwards, so it takes a database in a drill's
// folder only, or any with --in-place. README.md beside this file says what is checked, what
// the digest is made of, and how to adapt it.
//
//   --binding MODULE  the Node module to open it with (GRAFEO_BINDING, or @grafeo-db/js)
//   --migrate         a database of 0.5 may be opened, and so be migrated, by 0.6
//   --reopen          open and close it once before it is read: a restore may say that edges
//                     of a 0.5 database are there twice until then
//   --in-place        the database is a copy although it is not in a drill's folder
//
// Exit status: 0 if all is well, 1 if the database does not open or contradicts itself, 2 if
// it was called wrongly. Only a database that passed has a last line `digest: ...`.
const fs = require('fs');
const { createHash } = require('crypto');
const { resolve } = require('path');

const scheme = 'grafeo-check-1';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

// A value as text: the same for equal values, whatever type a binding gives them.
function text(v) {
  if (v === null || v === undefined) return 'null';
  if (typeof v === 'boolean' || typeof v === 'bigint') return String(v);
  if (typeof v === 'number') return Object.is(v, -0) ? '0' : String(v);
  if (typeof v === 'string') return JSON.stringify(v);
  if (v instanceof Date) return 't:' + v.toISOString();
  if (Buffer.isBuffer(v)) return 'b:' + v.toString('hex');
  if (Array.isArray(v) || ArrayBuffer.isView(v)) return '[' + Array.from(v, text).join(',') + ']';
  const names = namesIn(v);
  if (names.length === 1 && names[0].startsWith('$') && typeof v[names[0]] === 'string') {
    return tagged(names[0], v[names[0]]);
  }
  return '{' + names.map((k) => JSON.stringify(k) + ':' + text(v[k])).join(',') + '}';
}

// The names in a map that have a value, in order: 0.5 has a removed property as null.
const namesIn = (map) => Object.keys(map).filter((k) => map[k] !== null && map[k] !== undefined).sort();

// A tagged value of 0.6, such as { $decimal: "2.50" }. If a number is exactly this one, it is
// that number, as 0.5 has no others.
function tagged(name, inner) {
  const digits = inner.replace(/^[-+]|e.*$/gi, '').replace('.', '').replace(/^0+/, '');
  const isNumber = /^[-+]?[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?$/i.test(inner) && digits.length <= 15;
  return isNumber ? text(Number(inner)) : name + ':' + JSON.stringify(inner);
}

// A sum over texts that does not depend on their order.
class Sum {
  constructor() { this.value = 0n; }
  add(s) { this.value = BigInt.asUintN(256, this.value + BigInt('0x' + sha256(s))); }
  hex() { return this.value.toString(16).padStart(64, '0'); }
}

const quoted = (name) => '`' + name.replace(/`/g, '``') + '`';

function fail(message) { throw new Error(message); }

const count = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);

// Reads one graph, the current one, and returns its numbers and its sum.
async function readGraph(db) {
  const ask = async (query) => (await db.execute(query)).toArray();
  const total = async (query) => Number((await ask(query))[0].c);
  const agrees = async (what, got, query) => {
    const says = await total(query);
    if (says !== got) fail(`${what}: ${got} were read, and "${query}" says ${says}`);
  };

  const own = new Map(); // node id -> digest of its labels and properties
  const labels = new Map(), names = new Map();
  let properties = 0;
  for (const n of (await db.execute('MATCH (n) RETURN n')).nodes()) {
    if (own.has(n.id)) fail(`node ${n.id} is there twice`);
    const props = n.properties();
    own.set(n.id, sha256('N' + JSON.stringify([...n.labels].sort()) + text(props)));
    for (const l of n.labels) count(labels, l);
    for (const name of namesIn(props)) count(names, name);
    properties += namesIn(props).length;
  }
  await agrees('nodes', own.size, 'MATCH (n) RETURN count(n) AS c');
  for (const [l, n] of labels) await agrees(`nodes with the label ${l}`, n, `MATCH (n:${quoted(l)}) RETURN count(n) AS c`);
  for (const [name, n] of names) {
    await agrees(`nodes with the property ${name}`, n, `MATCH (n) WHERE n.${quoted(name)} IS NOT NULL RETURN count(n) AS c`);
  }

  const edges = new Map(); // edge id -> [from, to, text of type and properties]
  const types = new Map();
  for (const e of (await db.execute('MATCH ()-[e]->() RETURN e')).edges()) {
    if (edges.has(e.id)) fail(`edge ${e.id} is there twice`);
    if (!own.has(e.sourceId) || !own.has(e.targetId)) fail(`edge ${e.id} has an end that is no node`);
    const props = e.properties();
    edges.set(e.id, [e.sourceId, e.targetId, JSON.stringify(e.edgeType) + text(props)]);
    count(types, e.edgeType);
    properties += namesIn(props).length;
  }
  for (const pattern of ['(a)-[e]->(b)', '(b)<-[e]-(a)']) {
    const rows = await ask(`MATCH ${pattern} RETURN id(a) AS a, id(e) AS e, id(b) AS b`);
    if (rows.length !== edges.size) fail(`edges: ${edges.size} were read, and ${pattern} shows ${rows.length}`);
    const seen = new Set();
    for (const { a, e, b } of rows) {
      const known = edges.get(Number(e));
      if (!known || seen.has(e) || known[0] !== Number(a) || known[1] !== Number(b)) fail(`${pattern} shows edge ${e} from ${a} to ${b}`);
      seen.add(e);
    }
  }
  await agrees('edges', edges.size, 'MATCH (a)-[e]->(b) RETURN count(e) AS c');
  for (const [t, n] of types) await agrees(`edges of the type ${t}`, n, `MATCH ()-[e:${quoted(t)}]->() RETURN count(e) AS c`);

  // A node is what it has and what it is connected with; ids say nothing.
  const around = new Map([...own.keys()].map((id) => [id, new Sum()]));
  for (const [from, to, e] of edges.values()) {
    around.get(from).add('>' + e + own.get(to));
    around.get(to).add('<' + e + own.get(from));
  }
  const whole = new Map([...own].map(([id, d]) => [id, sha256(d + around.get(id).hex())]));
  const sum = new Sum();
  for (const d of whole.values()) sum.add('N' + d);
  for (const [from, to, e] of edges.values()) sum.add('E' + e + whole.get(from) + whole.get(to));
  return { nodes: own.size, edges: edges.size, labels: labels.size, types: types.size, properties, sum: sum.hex() };
}

// Reads all RDF triples.
async function readTriples(db) {
  const sum = new Sum();
  let triples = 0;
  if (!db.executeSparql) return { triples, sum: sum.hex() };
  for (const query of ['SELECT ?s ?p ?o WHERE {?s ?p ?o}', 'SELECT ?g ?s ?p ?o WHERE {GRAPH ?g {?s ?p ?o}}']) {
    for (const { g, s, p, o } of (await db.executeSparql(query)).toArray()) {
      sum.add('T' + [g ?? null, s, p, o].map(term).join(' '));
      triples++;
    }
  }
  return { triples, sum: sum.hex() };
}

// A term of RDF, which is an object in 0.6.
function term(t) {
  if (t === null || typeof t !== 'object' || !t.termType) return text(t);
  return text(t.termType === 'Literal' ? ['Literal', t.value, t.language, t.datatype?.value] : [t.termType, t.value]);
}

// Reads the open database, prints what it has, and returns its digest.
async function read(db) {
  const names = (await db.execute('SHOW GRAPHS')).toArray().map((row) => row.name).sort();
  const lines = [];
  for (const name of ['', ...names]) {
    await db.execute('USE GRAPH ' + (name === '' ? 'default' : quoted(name)));
    const g = await readGraph(db);
    lines.push(`graph ${JSON.stringify(name)} ${g.nodes} ${g.edges} ${g.sum}\n`);
    console.log(`${name === '' ? 'the graph' : 'graph ' + name}: ${g.nodes} nodes with ${g.labels} labels, ` +
      `${g.edges} edges of ${g.types} types, ${g.properties} properties`);
  }
  await db.execute('USE GRAPH default');
  const t = await readTriples(db);
  if (t.triples > 0) {
    lines.push(`triples ${t.triples} ${t.sum}\n`);
    console.log(`${t.triples} triples`);
  }
  return scheme + ':' + sha256(lines.join(''));
}

// The generation of the database at path, by its first bytes; a directory is one of 0.5.
function generationOf(path) {
  if (fs.statSync(path).isDirectory()) return '0.5';
  const first = Buffer.alloc(8);
  const file = fs.openSync(path, 'r');
  try { fs.readSync(file, first, 0, 8, 0); } finally { fs.closeSync(file); }
  if (first.toString('latin1', 0, 4) !== 'GRAF') fail(`${path} is no Grafeo database`);
  return first[4] === 1 ? '0.5' : '0.6';
}

// The binding, installed where the command runs or beside this file.
function bindingAt(module) {
  let file;
  try {
    file = require.resolve(module, { paths: [process.cwd(), __dirname] });
  } catch {
    fail(`the module ${module} is installed neither here nor beside check.js: npm install ${module}, or give --binding`);
  }
  return require(file);
}

function load(module, path, migrate) {
  const binding = bindingAt(module);
  const generation = generationOf(path), version = binding.version();
  if (!version.startsWith(generation + '.') && !(migrate && generation === '0.5')) {
    fail(`the database is of generation ${generation}, and ${module} is ${version}: give another --binding` +
      (generation === '0.5' ? ', or --migrate' : ''));
  }
  console.log(`a database of generation ${generation}, opened by Grafeo ${version}`);
  return binding.GrafeoDB;
}

async function main(argv) {
  const flags = new Set();
  let module = process.env.GRAFEO_BINDING || '@grafeo-db/js';
  const paths = [];
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--binding') module = argv[++i];
    else if (['--migrate', '--reopen', '--in-place'].includes(argv[i])) flags.add(argv[i]);
    else paths.push(argv[i]);
  }
  if (paths.length !== 1 || paths[0].startsWith('--') || !module) {
    console.error('usage: check.js [--binding MODULE] [--migrate] [--reopen] [--in-place] DATABASE');
    return 2;
  }
  const path = resolve(paths[0]);
  if (!flags.has('--in-place') && !/[\\/]gbak-drill-[^\\/]*[\\/]/.test(path)) {
    console.error(`${path} is not in a drill's folder, and to open a database changes it: give --in-place for a copy that may be changed`);
    return 2;
  }
  const GrafeoDB = load(module, path, flags.has('--migrate'));
  if (flags.has('--reopen')) GrafeoDB.open(path).close();
  const db = GrafeoDB.open(path);
  const digest = await read(db);
  db.close(); // which writes a checkpoint: that this is possible is part of the check
  console.log(`digest: ${digest}`);
  return 0;
}

if (require.main === module) {
  main(process.argv.slice(2)).then(
    (status) => { process.exitCode = status; },
    (e) => { console.error(`check failed: ${e.message}`); process.exit(1); },
  );
}
module.exports = { read, scheme };
