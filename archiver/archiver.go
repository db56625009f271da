// Package archiver backs up Grafeo databases into archives and restores them.
//
// An archive is one prefix in one [storage.Storage] and belongs to one
// database. A backup exists once its manifest does; everything that the
// manifest names was stored before (FORMAT.md). Nothing is ever overwritten and
// nothing is deleted, so any number of processes may work on an archive at the
// same time.
//
// The package prints nothing and keeps no global state: progress goes to an
// observer, messages to a [slog.Logger] that is passed in. All errors are
// [*Error].
package archiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Options are what all verbs of an [Archive] share. The zero value is usable.
type Options struct {
	// Logger hears what is worth knowing besides the results; nil for nobody.
	Logger *slog.Logger

	// Concurrency is how many segments are in the making or on the way at the
	// same time; 0 means [DefaultConcurrency]. Memory grows with it: a backup
	// needs up to Concurrency × (segment + frame), a restore the same.
	Concurrency int

	// StoreTimeout is how long to try again what fails because the store is busy
	// or gone, and how long a body of an object may bring nothing: one that breaks
	// off is continued from there, for as long as a few KiB arrive in this time; 0
	// means [DefaultStoreTimeout]. It is for what the backend does not try again by
	// itself, see [storage.Storage].
	StoreTimeout time.Duration

	// Name is what people call the archive, such as its address. It is used in
	// messages and recorded where a database's log is held for the archive; it
	// must hold no secret.
	Name string

	// State is a folder of this user on this host, in which it is noted which backup
	// was the newest at the archive's Name; "" for none. It is how a run notices that
	// an archive has vanished or gone back, see [VanishedError], where the hold of the
	// database does not know. It is made if it is missing; what fails there is of no
	// consequence.
	State string

	// Tool and Host are recorded in what is written, for people to read.
	Tool string
	Host string
}

// DefaultConcurrency keeps two cores busy while other segments are on the way.
const DefaultConcurrency = 4

// Archive is the archive in one store. It holds no state of its own: every call
// asks the store. All methods may be called concurrently.
type Archive struct {
	store    storage.Storage
	disk     disk.Disk // where databases are
	log      *slog.Logger
	workers  int
	patience time.Duration
	name     string
	state    string
	tool     string
	host     string
	trial    trial

	room func(path string) (disk.Room, bool) // that is left where databases are

	journalEvery time.Duration // how often a restore makes durable what it has fetched
}

// New names the archive that is, or will be, in store. It does no I/O: the
// first backup creates the archive, everything else says so if there is none.
func New(store storage.Storage, opts Options) *Archive {
	a := &Archive{store: store, disk: disk.OS{}, log: opts.Logger, workers: opts.Concurrency, patience: opts.StoreTimeout, name: opts.Name, state: opts.State, tool: opts.Tool, host: opts.Host, trial: fullTrial, journalEvery: journalEvery, room: disk.RoomAt}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.disk = disk.Logged(a.disk, a.log)
	if a.workers <= 0 {
		a.workers = DefaultConcurrency
	}
	if a.patience <= 0 {
		a.patience = DefaultStoreTimeout
	}
	if a.tool == "" {
		a.tool = "gbak-s3"
	}
	return a
}

// readDocument reads archive.json or a manifest.
func (a *Archive) readDocument(ctx context.Context, key string) ([]byte, error) {
	return a.readObject(ctx, key, manifest.MaxManifestBytes, manifest.Intact)
}

// readObject reads a whole object of at most limit bytes. One that is not intact
// is read once more: if it is so again, that is not the network's doing, and the
// caller will find it.
func (a *Archive) readObject(ctx context.Context, key string, limit int64, intact func([]byte) bool) ([]byte, error) {
	var b []byte
	var err error
	for range 2 {
		var object *ObjectError
		if b, err = a.readOnce(ctx, key, limit); err == nil && intact(b) || err != nil && !errors.As(err, &object) {
			return b, err
		}
	}
	if foreign := a.testify(ctx, key); foreign != nil {
		return nil, foreign
	}
	return b, err
}

// testify is asked before an object is called damaged: what has arrived, twice, may
// not be what the store keeps. The error says that it is not.
func (a *Archive) testify(ctx context.Context, key string) error {
	if w, ok := a.store.(storage.Witness); ok {
		return w.Testify(ctx, key)
	}
	return nil
}

// wrong is the error for an object whose bytes, as they have arrived twice, are not
// those that were stored.
func (a *Archive) wrong(ctx context.Context, key, problem string) error {
	if foreign := a.testify(ctx, key); foreign != nil {
		return answered(foreign)
	}
	return &ObjectError{key, problem}
}

func (a *Archive) readOnce(ctx context.Context, key string, limit int64) ([]byte, error) {
	return again(ctx, a.patience, func() ([]byte, error) {
		body, info, err := a.get(ctx, key, storage.Range{})
		if err != nil {
			return nil, answered(err)
		}
		defer body.Close() //nolint:errcheck // everything was read, or the error is reported
		if info.Size > limit {
			return nil, &ObjectError{key, "it is larger than any object of its kind can be"}
		}
		return readWhole(body, nil, info.Size)
	})
}

// address is how messages call the archive.
func (a *Archive) address() string {
	if a.name == "" {
		return "this address"
	}
	return a.name
}

func (a *Archive) now() time.Time { return time.Now().UTC().Round(0) }

// What to do after a verb was interrupted.
const (
	againBackup  = "Run the same command again: it does not send twice what is stored already."
	againRestore = "Run the same command again: it puts back what was moved aside, and goes on with what was fetched."
	againExport  = "Run the same command again: it clears what is left."
	againRead    = "Nothing was changed. Run the same command again."
	againOther   = "Run the same command again."
)

// run is what every verb does around its work: requests and time are counted,
// and an error gets its code. That of a run that was interrupted keeps all that
// it says, which may be where a database is; again is its hint.
func run(ctx context.Context, again string, work func(context.Context) error) (storage.RequestCounts, time.Duration, error) {
	started := time.Now()
	var requests storage.Requests
	err := explain(work(storage.CountRequests(ctx, &requests)))
	if err != nil && ctx.Err() != nil && CodeOf(err) != CodeUnknownOutcome {
		err = &Error{Code: CodeInterrupted, Err: interrupted(context.Cause(ctx), err), Hint: again}
	}
	return requests.Counts(), time.Since(started), err
}

// interrupted is err of a run that was interrupted by cause.
func interrupted(cause, err error) error {
	if errors.Is(err, cause) {
		return fmt.Errorf("interrupted: %w", err)
	}
	return fmt.Errorf("interrupted: %w: %w", cause, err)
}
