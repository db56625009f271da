// Package commit appends to the journal of an archive: backups, and keeps. Other writers may
// do so at the same time, so it is an optimistic loop without a lock ([Update]): read the
// head, decide what follows it, and create the next manifest if there is none. It knows no
// database.
//
// # Vocabulary
//
//   - head: the newest record, and what a writer needs to append to it ([Head]).
//   - attempt: what a writer does with a head, up to the commit of what follows it.
//   - commit: the creation of the next manifest, by which its record comes to exist.
//   - conflict: another writer has committed a record with that number ([ErrConflict]).
//   - unknown outcome: the store gave no clear answer; the record may be there or not
//     ([UnknownOutcomeError]).
//   - fence: the object by which a writer that has slept finds that a keep has followed
//     the one that it knows.
//
// # What to call
//
//	to append                          [Update], and in it [Head.Commit] or [Head.CommitKeep]
//	what a commit will take            [Head.CommitRequests]
//	what a record will look like       [Head.Place]
package commit
