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

	// ServerSide lets a store that has both archives copy segments by itself, without sending
	// them through this host, see [storage.Copier]. If the store shows no checksum, damaged
	// segments are not noticed. It is not an error if the store refuses.
	ServerSide bool

	// Deep reads all of the mirror back at the end.
	Deep bool

	// Observer is told what the run does; it may be nil.
	Observer Observer
}

// MirrorReport describes what one mirroring did, or would do.
type MirrorReport struct {
	DryRun bool

	Newest uint64 // the newest record of the archive as of this run
	UpTo   uint64 // the mirror has everything up to this record; 0 in a dry run

	Records    int   // that were mirrored: backups, and what is recorded about them
	Objects    int   // other objects
	Bytes      int64 // of all these
	ServerSide int   // how many of the objects the store has copied by itself
	SizeOnly   int   // how many of them could only be checked by their size
	ReadBack   int   // objects of the mirror that were read back, and are right

	// Unopened reports that the archive is encrypted and no key was given. What is mirrored is
	// then only compared with the hashes in objects' keys. These show accidental damage, but a
	// missing object is not noticed.
	Unopened bool

	// Damaged are objects that are damaged or missing, and were left alone.
	Damaged []MirrorDamage

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// MirrorDamage says what is wrong with an object of one of the two archives.
type MirrorDamage struct {
	Key      string
	Problem  string
	InSource bool // the object is in the archive that is mirrored, not in the mirror
}

// Mirror makes to a mirror of the archive: the same one, byte for byte, with the same id. What the
// mirror lacks is stored, records last and in order. So every state can be restored from it once
// the first call has succeeded, and at any time after that. The next call mirrors what is new
// since. A call continues where an earlier one ended, however that ended, and any number of them
// may run at the same time.
//
// What is read is compared with its hash. A damaged or missing object is not mirrored, nor are the
// first record that needs it and all records after that; the error is [CodeDamagedArchive].
// Nothing in the mirror is overwritten or deleted: to delete what an expiry has removed from the
// archive, call [Archive.Expire] on the mirror.
//
// Until [Archive.Detach], nothing else writes into a mirror ([CodeMirror]): the log that a database
// holds for an archive is held by the archive's id, which both have.
//
// Certificates are not mirrored: they say what was read and restored in one place, and the mirror
// has its own.
//
// If to is not a mirror of this archive, it is left alone ([CodeTargetExists]). So is a mirror with
// a different or newer record ([CodeConflict]). No key is needed to mirror an encrypted archive,
// see [MirrorReport.Unopened].
//
// If there is an error, the report says what was mirrored before it.
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

// Detach turns a mirror into an ordinary archive: backups can continue in it, and nothing is
// mirrored into it any more. It reports whether this call has done that; false if an earlier one
// has. If the archive is not a mirror, the error is [CodeTargetExists].
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
