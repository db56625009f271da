'use strict';
// A small application on Grafeo, for the recipes of docs/compose.md and docs/kubernetes.md:
//
//   POST /people?name=Ada   commits one more person
//   GET  /people            how many there are
//
// Both answer {"people": N}. A POST is answered after its commit.
const fs = require('fs');
const http = require('http');
const { GrafeoDB } = require('@grafeo-db/js');

const path = process.env.DATABASE || '/data/people.grafeo';
const db = fs.existsSync(path) ? GrafeoDB.open(path) : GrafeoDB.create(path);

async function add(name) {
  const tx = db.beginTransaction();
  try {
    await tx.execute('INSERT (:Person {name: $name})', { name });
    tx.commit();
  } catch (e) {
    tx.rollback();
    throw e;
  }
}

async function count() {
  const rows = (await db.execute('MATCH (p:Person) RETURN count(p) AS people')).toArray();
  return Number(rows[0].people);
}

async function answer(request) {
  const url = new URL(request.url, 'http://app');
  if (url.pathname !== '/people') return [404, { error: 'try /people' }];
  if (request.method === 'GET') return [200, { people: await count() }];
  if (request.method !== 'POST') return [405, { error: 'GET or POST' }];
  const name = url.searchParams.get('name');
  if (!name) return [400, { error: 'a person needs a name: /people?name=Ada' }];
  await add(name);
  return [201, { people: await count() }];
}

// One request after another: a transaction is never between the statements of another one.
let last = Promise.resolve();
const server = http.createServer((request, response) => {
  last = last.then(() => answer(request)).catch((e) => [500, { error: e.message }]).then(([status, body]) => {
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(body) + '\n');
  });
});
server.listen(Number(process.env.PORT || 8080), () => console.log(`${path} is open, port ${server.address().port}`));

// A container is stopped by SIGTERM. As process 1 a program that does not listen to it is
// killed in the end.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    server.close();
    await last;
    db.close();
    console.log(`${path} is closed`);
    process.exit(0);
  });
}
