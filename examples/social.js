#!/usr/bin/env node
'use strict';
// Made social.grafeo: run scripts/grafeo-install.sh, then
// GRAFEO_VERSION=0.6.0 node examples/social.js examples/social.grafeo
const { binding } = require('../e2e/grafeo/lib');

const people = [
  ['Ada', 36, 'London'], ['Grace', 45, 'New York'], ['Edsger', 41, 'Amsterdam'], ['Barbara', 39, 'Boston'],
  ['Donald', 52, 'Stanford'], ['Frances', 47, 'New York'], ['Ken', 44, 'Berkeley'], ['Radia', 43, 'Boston'],
  ['Niklaus', 50, 'Zürich'], ['Hedy', 33, 'Vienna'], ['Alan', 41, 'London'], ['Katherine', 48, 'Hampton'],
];
const cities = [
  ['London', 'UK'], ['New York', 'US'], ['Amsterdam', 'NL'], ['Boston', 'US'], ['Stanford', 'US'],
  ['Berkeley', 'US'], ['Zürich', 'CH'], ['Vienna', 'AT'], ['Hampton', 'US'],
];
const knows = [
  ['Ada', 'Alan', 2011], ['Ada', 'Grace', 2014], ['Grace', 'Frances', 2009], ['Grace', 'Katherine', 2012],
  ['Edsger', 'Donald', 2008], ['Edsger', 'Niklaus', 2010], ['Barbara', 'Radia', 2015], ['Barbara', 'Grace', 2016],
  ['Donald', 'Ken', 2013], ['Ken', 'Radia', 2018], ['Niklaus', 'Donald', 2011], ['Hedy', 'Ada', 2019],
  ['Frances', 'Barbara', 2017], ['Alan', 'Donald', 2012], ['Katherine', 'Hedy', 2020], ['Radia', 'Edsger', 2021],
];

(async () => {
  const db = binding().GrafeoDB.create(process.argv[2]);
  await db.execute('CREATE NODE TYPE Person (name STRING NOT NULL, age INT64)');
  await db.execute('CREATE NODE TYPE City (name STRING NOT NULL, country STRING)');
  await db.execute('CREATE INDEX person_name FOR (p:Person) ON (p.name)');
  const commit = async (statement, rows) => {
    const tx = db.beginTransaction();
    for (const row of rows) await tx.execute(statement, row);
    tx.commit();
  };
  await commit('INSERT (:City {name: $name, country: $country})', cities.map(([name, country]) => ({ name, country })));
  await commit('INSERT (:Person {name: $name, age: $age})', people.map(([name, age]) => ({ name, age })));
  await commit('MATCH (p:Person {name: $name}), (c:City {name: $city}) INSERT (p)-[:LIVES_IN]->(c)',
    people.map(([name, , city]) => ({ name, city })));
  for (const [a, b, since] of knows) {
    await commit('MATCH (a:Person {name: $a}), (b:Person {name: $b}) INSERT (a)-[:KNOWS {since: $since}]->(b)', [{ a, b, since }]);
  }
  db.close();
})().catch((e) => { console.error(e.message); process.exit(1); });
