// Package verify checks an archive: every checksum and every claim that is in it. It
// reads, and never writes.
//
// # Vocabulary
//
//   - finding: something wrong with an object. It is a result and not an error.
//   - shallow, deep: without reading segments, and with reading all of them.
//   - sample: shallow, but for the segments on an arc of the ring of hashes, which are read
//     (package ring).
//   - claim: what a manifest says that its index, its image or its log says, too.
//   - whole: a backup of which all content was right.
//   - living, removed: whether the newest keep says that a backup exists still.
//   - to count: of a record, that it matters whether it is right. Removed backups, and
//     keeps older than all that is not dead, do not count, and may be missing.
//
// A shallow verification reads the manifests and indexes, compares what they say of each
// other, and looks for the objects that they name by key and size. A deep one also reads
// these objects, compares every checksum, and reads the images and logs as the database
// would. A sample decompresses the segments that it reads: that proves these, and not how they
// join. Of an encrypted archive to whose data there is no key here, both compare the objects with
// their digests, and open none.
package verify

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Options say what is verified, and how.
type Options struct {
	Store   *objects.Store
	Journal *journal.Journal // over Store
	Workers int              // segments that are read at a time, at least 1
	Deep    bool             // read every segment

	// Sample is the share of the segments' bytes of which the segments are read, above 0; 0 for
	// none, unless Deep.
	Sample float64
	From   manifest.Place // where on the ring of hashes a sample begins
}

// Report is what one verification has found.
type Report struct {
	Backups  int       // whose manifests could be read
	Objects  int       // objects that were looked at
	Bytes    int64     // of segments and digests that were read or, if not deep, seen in lists or manifests
	Unopened bool      // segments were read, but for want of a key to the data none was opened
	Waiting  int       // segments that only removed backups name
	Unused   int       // segments that nobody names
	Read     *Read     // what was read of the segments; nil if that is nothing
	Findings []Finding // in the order of their keys; nil if nothing is wrong
	Gone     int       // findings that are left out: about backups that were removed meanwhile
}

// Archive checks the archive whose backups are in l; listing is the error of listing them,
// which may be a finding. What is wrong with the archive is not an error; an error means
// that the check itself could not be done. It has what was found until then in its text, and the report
// has nothing but those of these findings that no removal of backups explains.
func Archive(ctx context.Context, o Options, l *journal.List, listing error) (Report, error) {
	v := verification{store: o.Store, journal: o.Journal, workers: o.Workers, deep: o.Deep, found: map[Finding]bool{}}
	if o.Sample > 0 || o.Deep {
		v.reading = newReading(o)
	}
	err := v.untilThen(v.run(ctx, l, listing))
	v.sortFindings()
	if err != nil {
		return Report{Findings: slices.DeleteFunc(v.report.Findings, mayBeGone)}, err
	}
	return v.report, nil
}

// verification is one verification that is running.
type verification struct {
	store   *objects.Store
	journal *journal.Journal
	workers int
	deep    bool
	reading *reading // nil if no segment is read

	mu     sync.Mutex
	report Report
	found  map[Finding]bool // those of the report
}

// run makes all checks.
func (v *verification) run(ctx context.Context, l *journal.List, listing error) error {
	if listing != nil {
		return v.cannotList(listing)
	}
	v.report.Objects++ // archive.json
	if l.Document != nil {
		v.find(manifest.ArchiveKey, withoutKey(l.Document))
	}
	if len(l.Records) == 0 {
		return v.nothing(ctx)
	}
	if err := v.instructions(ctx, l.Archive.ArchiveID); err != nil {
		return err
	}
	r, err := v.manifests(ctx, l)
	if err != nil {
		return err
	}
	indexes, err := v.references(ctx, r)
	if err != nil {
		return err
	}
	if v.reading != nil {
		if err := v.read(ctx, r, indexes); err != nil {
			return err
		}
	}
	if err := v.dropGone(ctx, r, indexes); err != nil {
		return err
	}
	v.tellRead()
	return nil
}

// read reads segments: all, and what they mean, or those of a sample.
func (v *verification) read(ctx context.Context, r *records, indexes []*manifest.Index) (err error) {
	if v.report.Unopened, err = v.isWithoutKey(ctx); err != nil {
		return err
	}
	v.reading.choose(r)
	if !v.deep {
		return v.sample(ctx, indexes)
	}
	whole, err := v.contents(ctx, r.living, indexes)
	if err == nil && !v.report.Unopened {
		err = v.logs(ctx, catalog.New(r.living), whole)
	}
	return err
}

// isWithoutKey reports whether nothing was given that may open the data. That what was given does
// not is an error.
func (v *verification) isWithoutKey(ctx context.Context) (bool, error) {
	err := v.store.Ring.CheckReader(ctx)
	if key, ok := errors.AsType[*seal.KeyError](err); ok && !key.IsWrong {
		return true, nil
	}
	return false, err
}

// cannotList makes a finding of an error of listing the backups, if it is about the
// archive.
func (v *verification) cannotList(err error) error {
	if errors.Is(err, manifest.ErrDamaged) {
		v.find(manifest.ArchiveKey, withoutKey(err))
		return nil
	}
	return v.pass(err)
}

// nothing is the verdict on an archive without backups: it cannot be whole.
func (v *verification) nothing(ctx context.Context) error {
	sizes, err := v.sizes(ctx, manifest.SegmentPrefix)
	if err != nil {
		return err
	}
	if len(sizes) == 0 {
		return &journal.NoBackupError{}
	}
	v.report.Unused = len(sizes)
	v.find(manifest.Seq(1).Key(), "there is no backup, although there are segments: "+
		"the first backup was interrupted, or its manifest is lost")
	return nil
}
