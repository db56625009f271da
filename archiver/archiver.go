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
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/probe"
	"github.com/gbak-s3/gbak-s3/archiver/internal/record"
	"github.com/gbak-s3/gbak-s3/archiver/internal/resume"
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

// DefaultStoreTimeout is how long a store may be busy or gone before a run gives
// up.
const DefaultStoreTimeout = objects.DefaultTimeout

// DefaultConcurrency keeps two cores busy while other segments are on the way.
const DefaultConcurrency = 4

// Archive is the archive in one store. It holds no state of its own: every call
// asks the store. All methods may be called concurrently.
type Archive struct {
	objects *objects.Store
	journal *journal.Journal
	disk    disk.Disk // where databases are
	log     *slog.Logger
	workers int
	name    string
	records *record.Records
	tool    string
	host    string
	effort  probe.Thoroughness // of probes

	room func(path string) (disk.Room, bool) // that is left where databases are

	journalEvery time.Duration // how often a restore makes durable what it has fetched
}

// New names the archive that is, or will be, in store. It does no I/O: the
// first backup creates the archive, everything else says so if there is none.
func New(store storage.Storage, opts Options) *Archive {
	log := cmp.Or(opts.Logger, slog.New(slog.DiscardHandler))
	if opts.Concurrency <= 0 {
		opts.Concurrency = DefaultConcurrency
	}
	if opts.StoreTimeout <= 0 {
		opts.StoreTimeout = DefaultStoreTimeout
	}
	tool := cmp.Or(opts.Tool, "gbak-s3")
	objects := &objects.Store{Storage: store, Patience: opts.StoreTimeout, Log: log}
	on := disk.Logged(disk.OS{}, log)
	return &Archive{
		objects: objects,
		records: &record.Records{Disk: on, Folder: opts.State, Log: log},
		journal: &journal.Journal{Store: objects, Name: opts.Name, Tool: tool, Log: log},
		disk:    on, log: log,
		workers: opts.Concurrency, name: opts.Name, tool: tool, host: opts.Host,
		effort: probe.Thorough, journalEvery: resume.Every, room: disk.RoomAt,
	}
}

// run is what every verb does around its work: requests and time are counted,
// and an error gets its code.
func run(ctx context.Context, observe Observer, work func(context.Context) error) (storage.RequestCounts, time.Duration, error) {
	started := time.Now()
	var requests storage.Requests
	err := work(storage.CountRequests(observe.observed(ctx), &requests))
	if err != nil && ctx.Err() != nil && classify(err) != CodeUnknownOutcome {
		err = interrupted(ctx, err)
	}
	return requests.Counts(), time.Since(started), explain(err)
}

// Locate returns the path of the database that path means: path itself, or what a
// Grafeo-server keeps in the folder at path, which has the database's name. A folder that
// has several databases, or none, is an error of [CodeNotDatabase].
func Locate(path string) (string, error) {
	file, err := locate.Database(path)
	return file, explain(err)
}
