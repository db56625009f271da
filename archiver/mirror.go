package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/mirroring"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// MirrorOptions modify one mirroring. The zero value is usable.
type MirrorOptions struct {
	// DryRun changes nothing, and reports what would be mirrored.
	DryRun bool

	// ServerSide lets a store that has both archives copy segments by itself, without sending them
	// through this host, see [storage.Copier]. Where the store shows no checksum, that does not
	// find out whether a segment is damaged. A store that refuses is no error.
	ServerSide bool

	// Deep reads all of the mirror back at the end.
	Deep bool

	// Observer is told what the run does; nil for nobody.
	Observer Observer
}

// MirrorReport describes what one mirroring did, or would do.
type MirrorReport struct {
	DryRun bool

	Newest uint64 // the newest record of the archive as of this run
	UpTo   uint64 // up to which of its records the mirror has everything; 0 in a dry run

	Records    int   // that were mirrored: backups, and what is recorded about them
	Objects    int   // other objects
	Bytes      int64 // of all these
	ServerSide int   // how many of the objects the store has copied by itself
	SizeOnly   int   // and of how many of these it has shown no more than the size
	ReadBack   int   // objects of the mirror that were read back, and are right

	// Unopened reports that the archive is encrypted, and nobody here has a key to it. Then what is
	// mirrored is compared with the hashes in its keys only, which find what was damaged by
	// accident, and a missing object is not noticed.
	Unopened bool

	// Damaged are objects that are damaged or missing, and were left alone.
	Damaged []MirrorDamage

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// MirrorDamage is what is wrong with an object of one of two archives.
type MirrorDamage struct {
	Key      string
	Problem  string
	InSource bool // it is one of the archive that is mirrored, and not of the mirror
}

// Mirror makes to a mirror of the archive: the same one, byte for byte, with the same id. What
// the mirror lacks is stored, records last and in order, so that every state can be restored
// from it as from the archive as soon as the first call has come to its end, and after that at any time.
// The next call mirrors what has come since; a call goes on where an earlier one ended, however
// that ended, and any number of them may run at the same time.
//
// What is read is compared with its hash: a damaged object, or a missing one, stays behind, and so
// do all records from the first one on that needs it. That is [CodeDamagedArchive]. In the mirror
// nothing is overwritten or deleted: what an expiry has removed from the archive, [Archive.Expire]
// deletes there.
//
// Until [Archive.Detach], nothing else writes into a mirror ([CodeMirror]): the log that a database
// holds for an archive is held by the archive's id, which both have.
//
// Certificates are not mirrored: they say what was read and restored at one place, and the mirror has its
// own.
//
// What is no mirror of this archive is left alone ([CodeTargetExists]), and so is a mirror in which a
// record is another one, or newer ([CodeConflict]). No key is needed to mirror an encrypted archive,
// see [MirrorReport.Unopened].
//
// With an error, there is a report as well, of what was mirrored before.
func (a *Archive) Mirror(ctx context.Context, to *Archive, opts MirrorOptions) (MirrorReport, error) {
	var done mirroring.Report
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) (err error) {
		done, err = mirroring.Run(ctx, mirroring.Options{
			Source: a.journal, Target: to.objects, Open: a.existing, SourceName: a.journal.Address(), TargetName: to.journal.Address(),
			Probe:   func(ctx context.Context) (manifest.Verdict, error) { return probeConditions(ctx, to) },
			Workers: to.workers, ServerSide: opts.ServerSide, Deep: opts.Deep, DryRun: opts.DryRun, Tool: to.tool, Host: to.host, Log: to.log,
		})
		return err
	})
	r := MirrorReport{
		DryRun: opts.DryRun, Newest: uint64(done.Newest), UpTo: uint64(done.UpTo), Records: done.Records, Objects: done.Objects, Bytes: done.Bytes,
		ServerSide: done.ServerSide, SizeOnly: done.SizeOnly, ReadBack: done.ReadBack, Unopened: done.IsClosed, Requests: requests, Elapsed: elapsed,
	}
	for _, d := range done.Damaged {
		r.Damaged = append(r.Damaged, MirrorDamage{d.Key, d.Problem, d.InSource})
	}
	return r, err
}

// Detach makes an archive like any other of a mirror: backups go on in it, and nothing is mirrored
// into it any more. It reports whether this call has done that; false if an earlier one has. What is
// no mirror is [CodeTargetExists].
//
// The archive and what was its mirror have the same id. A database holds its log for one of them:
// the first backup into the other one afterwards notices ([CodeVanished]).
func (a *Archive) Detach(ctx context.Context) (isFresh bool, err error) {
	_, _, err = run(ctx, nil, func(ctx context.Context) (err error) {
		isFresh, err = mirroring.Detach(ctx, a.objects, a.journal.Address(), a.tool, a.host)
		return err
	})
	return isFresh, err
}
