'use strict';
// What gen.js and inspect.js share: the bindings, arguments, and a digest of a
// graph that both generations of the database agree on.
const crypto = require('crypto');

// The real database, in the two generations that differ on disk.
const bindings = { '0.5.42': 'grafeo-0.5', '0.6.0': '@grafeo-db/js' };

// Loads the binding named by GRAFEO_VERSION, and insists on that version: a
// test of one generation must never run on the other one unnoticed.
function binding() {
  const want = process.env.GRAFEO_VERSION || '0.6.0';
  if (!bindings[want]) throw new Error(`GRAFEO_VERSION=${want}: known are ${Object.keys(bindings).join(', ')}`);
  const b = require(bindings[want]);
  if (b.version() !== want) throw new Error(`${bindings[want]} is version ${b.version()}, not ${want}`);
  return b;
}

// Parses `--name value`; names in flags take no value. The rest is positional.
function args(argv, flags) {
  const out = { _: [] };
  for (let i = 0; i < argv.length; i++) {
    const a = argv[i];
    if (!a.startsWith('--')) { out._.push(a); continue; }
    const name = a.slice(2);
    out[name] = flags.includes(name) ? true : argv[++i];
  }
  return out;
}

// A value in one text form, the same for both bindings.
function canon(v) {
  if (v === null || v === undefined) return 'null';
  if (typeof v === 'bigint') return String(v);
  if (typeof v === 'number') return Number.isInteger(v) ? String(v) : v.toPrecision(12);
  if (typeof v === 'string') return JSON.stringify(v);
  if (typeof v === 'boolean') return String(v);
  if (Buffer.isBuffer(v)) return 'b:' + v.toString('hex');
  if (Array.isArray(v) || v instanceof Float32Array) return '[' + Array.from(v, canon).join(',') + ']';
  if (typeof v === 'object') {
    // Tagged values of 0.6.0, such as { $float: "1.5" }: take the inner value.
    const keys = Object.keys(v);
    if (keys.length === 1 && keys[0].startsWith('$')) {
      const inner = v[keys[0]];
      return canon(Number.isNaN(Number(inner)) ? inner : Number(inner));
    }
    // 0.5.42 returns a removed property as null, 0.6.0 leaves it out.
    return '{' + keys.filter((k) => v[k] !== null && v[k] !== undefined).sort()
      .map((k) => JSON.stringify(k) + ':' + canon(v[k])).join(',') + '}';
  }
  return String(v);
}

const nodeLine = (labels, props) => 'N ' + [...labels].sort().join(',') + ' ' + canon(props);
const edgeLine = (type, from, to, props) => 'E ' + type + ' ' + from + '>' + to + ' ' + canon(props);

// The digest of a set of lines, in whatever order they come.
function digest(lines) {
  const h = crypto.createHash('sha256');
  for (const l of [...lines].sort()) h.update(l + '\n');
  return h.digest('hex');
}

// A small deterministic generator of numbers in [0, 1) (mulberry32).
function rng(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6D2B79F5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

module.exports = { binding, args, nodeLine, edgeLine, digest, rng };
