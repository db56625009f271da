// Package objects is all that the other rooms know of a store: objects that are
// created once, never changed, and read whole or in part. It knows neither what is in
// them nor any database.
//
// A store is not trusted. What it claims bounds no memory, what it confirms is not
// stored until that is proved, and what it returns is not damaged until it has
// returned it twice.
//
// # Vocabulary
//
//   - patience: how long a store may be busy or unreachable ([Store.Patience]).
//   - temporary: an error that is no answer, or only a part of one. The same call may
//     succeed later.
//   - permanent: an error that another attempt cannot change, or that the backend has
//     retried already.
//   - proved: the store has shown that it has the right bytes.
//   - damaged: an object whose bytes are not those that were stored. The error is a
//     [*manifest.ObjectError], which names it.
//   - foreign: bytes or answers that something between here and the store has made.
//
// # How long it takes to give up
//
// All retries follow one policy, [Retry]: while errors are temporary until the patience
// is over, and at least [Attempts] times; other errors that are not permanent
// [Attempts] times. Pauses grow from 0.1 to 5 seconds, give or take half. What one
// request takes is the backend's to bound, which also retries all requests but
// conditional puts. So, if a request takes at most r:
//
//   - a put takes at most the patience, one pause and 2r, or [Attempts] × r and 2
//     seconds, whichever is longer;
//   - a batch of deletes takes at most twice the patience, one pause and 2r: the store may
//     be busy for single keys, and then not answer the last request. Like all requests but
//     conditional puts, that one is retried by the backend;
//   - a body that stands still fails after the patience and r, and is not asked for
//     again. One that moves never fails, however slow it is;
//   - what arrives damaged is read twice by one call, and so is a stored object that is
//     missing.
//
// A store that has stopped answering therefore ends any run after the patience and a
// few requests, whatever the run is doing: an error for which the patience is over is
// returned, and no caller tries that again. A commit has a deadline of its own (package
// journal). Only a store that answers can take longer: see package pack for how often the
// copy of a database is made again.
package objects
