// Package journal is an archive's log of backups: archive.json, and the manifests
// manifests/0000000001.json and so on, each of which names the digest of the one before.
// It reads the log; package commit appends to it. It knows no database.
//
// # Vocabulary
//
//   - manifest: the document of one record. The record exists if its manifest does.
//   - record: what a manifest describes: a backup, a keep, or a merged record.
//   - list: the numbers of the manifests, as a LIST request has shown them ([List]).
//   - outline: the fields of a manifest that its group's newest manifest repeats, which
//     is what lists and the choice of a backup need.
//   - route, plan: see package catalog, which decides; this package reads for it.
//   - sighting: a backup that was seen in an archive before ([Sighting]). All that is
//     known from before is a [Memory]; what it knows and the store lacks has vanished.
//
// # What to call
//
//	which backups there are                [Journal.Open]; [Journal.List] if there need not be an archive
//	the end of the journal, for a writer   [Journal.FindNewest]
//	the newest manifest, or any one        [Journal.Newest], [Journal.Load]
//	a few fields of every backup           [Journal.LoadOutlines]: one manifest in 32 is read
//	every manifest, damaged ones as well   [Journal.LoadAll]
//	what catalog decides on                [Journal.Route] for one state, [Journal.Catalog] for all
//	where the content of backups is        [Journal.Index]; [Journal.Plan] for all of a route
package journal
