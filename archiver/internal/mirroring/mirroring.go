package mirroring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Options say what is mirrored, and how.
type Options struct {
	Source *journal.Journal
	Target *objects.Store

	// Open finds out which backups the source has.
	Open func(context.Context) (*journal.List, error)

	SourceName, TargetName string // their addresses, for people

	// Probe finds out whether the store of the target supports conditional writes. It is called
	// before a first mirroring.
	Probe func(context.Context) (manifest.Verdict, error)

	Workers    int  // objects that are mirrored at a time, at least 1
	ServerSide bool // the store may copy segments by itself, if it can
	Deep       bool // the target is read back
	DryRun     bool // nothing is stored

	Tool, Host string // for the document of the mirror
	Log        *slog.Logger
}

// Report says what one run has done, or would do.
type Report struct {
	Newest manifest.Seq // the newest record of the source as of this run
	UpTo   manifest.Seq // up to which record the target has everything; 0 in a dry run

	Records    int   // that were mirrored
	Objects    int   // others
	Bytes      int64 // of these, and of the manifests
	ServerSide int   // how many of the objects the store has copied by itself
	SizeOnly   int   // and of how many of these it has shown no more than the size
	ReadBack   int   // objects of the target that were read and are right
	IsClosed   bool  // what was mirrored was compared with no more than the hashes in its keys
	Damaged    []Damage
}

// Damage is what is wrong with an object.
type Damage struct {
	manifest.ObjectError
	InSource bool
}

// DamageError is the error for a mirroring that has found damage.
type DamageError struct {
	First Damage
	Count int
	Stop  manifest.Seq // from this record on nothing was mirrored; 0 if that is not the reason
}

func (e *DamageError) Error() string {
	where := "of the mirror"
	if e.First.InSource {
		where = "of the archive that is mirrored"
	}
	s := fmt.Sprintf("%s, %s: %s", e.First.Key, where, e.First.Problem)
	switch {
	case e.Count == 2:
		s += " (and there is one more such object)"
	case e.Count > 2:
		s += fmt.Sprintf(" (and there are %d more such objects)", e.Count-1)
	}
	if e.Stop > 0 {
		s += fmt.Sprintf("; from record %d on nothing was mirrored", e.Stop)
	}
	return s
}

// Unwrap returns what is wrong with the first object.
func (e *DamageError) Unwrap() error { return &e.First.ObjectError }

// maxPasses is how often a run looks at a source that deletes what is being mirrored.
const maxPasses = 2

// Run mirrors what the target lacks. Any number of runs may work on one target at the same time,
// and the next one goes on where others were killed.
//
// With damage, of which the error is a [*DamageError], everything that is whole up to there is
// mirrored. A target that is something else is a [*NotMirrorError], and one in which a record is
// another one, or newer, a [*DivergedError]. With an error, there is a report as well.
func Run(ctx context.Context, o Options) (Report, error) {
	var report Report
	for n := 1; ; n++ {
		report.Damaged = nil
		r := &run{Options: o, report: &report}
		err := r.pass(ctx) // which finds the newest record
		outdated, err := r.Source.IsOutdatedAt(ctx, report.Newest, err)
		if !outdated || n == maxPasses {
			return report, err
		}
		o.Log.Info("the archive that is mirrored has changed; looking at it again", "err", err)
	}
}

// run is one pass of a [Run].
type run struct {
	Options
	report *Report

	list     *journal.List                    // of the source; nil if it is closed
	records  []manifest.Seq                   // of the source, ascending
	digests  map[manifest.Seq]manifest.Digest // of the new ones that were read
	keys     map[manifest.Seq]bool            // records of kind keys among these
	named    map[string]*named                // what new records name
	isUneven bool                             // of what records name that are not needed, something is deleted

	id       string // of the archive
	isSealed bool   // it is encrypted
	isFirst  bool
	has      map[manifest.Seq]bool // records of the target

	lacking []object // what the target lacks

	mu      sync.Mutex // of what follows, and of the report
	stop    manifest.Seq
	tracker *progress.Tracker

	isStreamed bool // the store does not copy by itself
}

// object is an object of the source that is to be mirrored.
type object struct {
	key  string
	size int64
}

// pass mirrors what the source has when it begins.
func (r *run) pass(ctx context.Context) error {
	progress.Tell(ctx, progress.Phase("journal"))
	r.stop = manifest.MaxSeq + 1
	document, err := r.openSource(ctx)
	if err != nil {
		return err
	}
	if err := r.openTarget(ctx, document); err != nil {
		return err
	}
	if err := r.nameAll(ctx); err != nil {
		return err
	}
	if err := r.compare(ctx); err != nil {
		return err
	}
	if r.DryRun {
		r.plan()
		return r.damage()
	}
	progress.Tell(ctx, progress.Phase("store"))
	if err := r.transfer(ctx); err != nil {
		return err
	}
	if err := r.mirrorRecords(ctx); err != nil {
		return err
	}
	if err := r.finish(ctx, document); err != nil {
		return err
	}
	if r.Deep {
		progress.Tell(ctx, progress.Phase("verify"))
		if err := r.readBack(ctx); err != nil {
			return err
		}
	}
	return r.damage()
}

// openSource finds out what the source has, and returns its archive.json as it is stored.
func (r *run) openSource(ctx context.Context) ([]byte, error) {
	s := r.Source.Store()
	var err error
	r.list, err = r.Open(ctx)
	if e, ok := errors.AsType[*seal.KeyError](err); ok && !e.IsWrong {
		r.list, r.report.IsClosed = nil, true
		r.Log.Info("nobody here has a key to the archive: what is mirrored is compared with the hashes in its keys")
	} else if err != nil {
		return nil, err
	}
	if r.list != nil {
		if err := errors.Join(r.list.Document, r.list.KeepDamage); err != nil {
			return nil, err
		}
		r.records = r.list.Records
	} else if r.records, err = listRecords(ctx, s); err != nil {
		return nil, err
	}
	if n := len(r.records); n > 0 {
		r.report.Newest = r.records[n-1]
	}
	document, err := readDocument(ctx, s, manifest.ArchiveKey)
	if err != nil {
		return nil, err
	}
	r.isSealed = manifest.HasMAC(document)
	r.id, err = archiveID(document)
	return document, err
}

// plan reports what would be mirrored.
func (r *run) plan() {
	r.report.Objects = len(r.lacking)
	for _, o := range r.lacking {
		r.report.Bytes += o.size
	}
	for _, seq := range r.records {
		if !r.has[seq] && seq < r.stop {
			r.report.Records++
		}
	}
}

// spoil notes that something is wrong with an object. Records that need it are not mirrored.
func (r *run) spoil(d Damage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Damaged = append(r.report.Damaged, d)
	switch n := r.named[d.Key]; {
	case r.list == nil: // it may belong to any of them
		r.stop = 0
	case n != nil && n.by != 0:
		r.stop = min(r.stop, n.by)
	}
}

// damage returns the error for what was found damaged.
func (r *run) damage() error {
	if len(r.report.Damaged) == 0 {
		return nil
	}
	e := &DamageError{First: r.report.Damaged[0], Count: len(r.report.Damaged)}
	for _, seq := range r.records {
		if seq >= r.stop && !r.has[seq] {
			e.Stop = seq
			break
		}
	}
	return e
}
