'use strict';
// Loaded before gen.js (node --require ./step.js gen.js ...), it makes gen.js
// wait after each commit: the line of its log goes to stdout as well, and gen.js
// goes on when a byte comes on stdin. So a test decides what happens between
// two commits of a random history while its process lives.
const fs = require('fs');
const append = fs.appendFileSync;
fs.appendFileSync = (file, line, ...rest) => {
  append(file, line, ...rest);
  fs.writeSync(1, line);
  if (fs.readSync(0, Buffer.alloc(1), 0, 1) !== 1) process.exit(3); // the test has gone
};
