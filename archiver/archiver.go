// Package archiver backs up Grafeo databases into archives and restores them.
//
// An archive is one prefix in one [storage.Storage] and belongs to one database. A
// backup exists once its manifest does; everything that the manifest names was stored
// before (FORMAT.md). Nothing is ever overwritten. Only [Archive.Expire] deletes, and
// only what no backup needs. So any number of processes may work on an archive at the
// same time.
//
// Terms: the image is a database's file, its log the write-ahead log beside it; every commit
// is an epoch. A full backup holds an image and its log. An incremental backup holds only
// the log since its parent, the backup that it continues. Backups whose histories continue
// each other form a timeline. A [Target] names the state to restore. A [Hold] makes a
// database keep the log that the archive does not have yet. A [Session] backs up one
// database again and again, at little cost.
//
// The package prints nothing and keeps no global state: an [Observer] receives progress,
// and a [slog.Logger] diagnostics. All errors are [*Error], and match the sentinel of
// their code with [errors.Is].
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
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/sent"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Options are what all verbs of an [Archive] share. The zero value is usable.
type Options struct {
	// Logger receives diagnostics; nil discards them.
	Logger *slog.Logger

	// Concurrency is how many segments are built and transferred in parallel; 0
	// means [DefaultConcurrency]. A backup or restore needs memory for up to
	// Concurrency × (segment + frame).
	Concurrency int

	// Memory limits the memory of the segments that are being built or read. It may be
	// shared by any number of archives, whose runs then wait for each other; nil for no
	// limit.
	Memory *Memory

	// BeforeRead, if not nil, is called before a backup or an import reads so many bytes of
	// what it stores, at most a few MiB. It may wait, to leave something of the disk to
	// others; its error ends the run. It is called concurrently.
	BeforeRead func(ctx context.Context, bytes int) error

	// StoreTimeout is how long a request is retried while the store is busy or
	// unreachable, and how long the transfer of an object may stall; 0 means
	// [DefaultStoreTimeout]. A transfer that breaks off is resumed, as often as needed,
	// while at least a few KiB arrive within this time. The backend retries by itself
	// before that, see [storage.Storage].
	StoreTimeout time.Duration

	// Name is what people call the archive, such as its address. Messages use it, and
	// a database that holds its log for the archive records it. It must not contain a
	// secret.
	Name string

	// State is a folder of this user on this host, in which runs note which backup was
	// the newest under the archive's Name; "" for none. It shows a run that an archive
	// has vanished or lost its newest backups ([CodeVanished]), even if no hold of the
	// database shows it. The folder is created if it is missing. A run never fails
	// because of it.
	State string

	// Recover is for reading a store that shows an archive as it was before an attack: what
	// is at its end and is no record counts as absent, and so does nothing else.
	Recover bool

	// Keys are those of an encrypted archive. With the zero value, archives are made without
	// encryption, and encrypted ones cannot be read.
	Keys Keys

	// Tool and Host are recorded in what is written, for people to read.
	Tool string
	Host string
}

// DefaultStoreTimeout is how long a store may be busy or unreachable before a run gives
// up: two minutes.
const DefaultStoreTimeout = objects.DefaultPatience

// DefaultConcurrency keeps two cores busy while other segments are being transferred.
const DefaultConcurrency = 4

// Archive is the archive in one store. It keeps no state of its own: every call asks
// the store. All methods may be called concurrently.
type Archive struct {
	objects *objects.Store
	journal *journal.Journal
	disk    disk.Disk // where databases are
	log     *slog.Logger
	workers int
	reading func(ctx context.Context, bytes int) error
	name    string
	records *record.Folder

	expected *expectations // of its keys

	sent   *sent.Folder
	tool   string
	host   string
	effort probe.Thoroughness // of probes

	space func(path string) (disk.Space, bool) // left on the disk at path

	journalEvery time.Duration // how often a restore makes durable what it has fetched
}

// New returns the archive in store, whether it exists yet or not. It does no I/O: the
// first backup creates the archive, every other verb reports [CodeNoArchive] without
// one.
func New(store storage.Storage, opts Options) *Archive {
	log := cmp.Or(opts.Logger, slog.New(slog.DiscardHandler))
	if opts.Concurrency <= 0 {
		opts.Concurrency = DefaultConcurrency
	}
	if opts.StoreTimeout <= 0 {
		opts.StoreTimeout = DefaultStoreTimeout
	}
	tool := cmp.Or(opts.Tool, "gbak-s3")
	on := disk.Logged(disk.OS{}, log)
	records := &record.Folder{Path: opts.State, Disk: on, Log: log}
	expected := &expectations{address: opts.Name, records: records, given: opts.Keys}
	ring := seal.NewRing(expected.completed())
	expected.ring = ring
	objects := &objects.Store{
		Storage: objects.Guarded(store, func() bool { return ring.IsSealed() || expected.mustSeal() }), Patience: opts.StoreTimeout, Log: log,
		Memory: opts.Memory.limit(), Ring: ring,
	}
	ring.LoadListsBy(objects.LoadKnownKeys)
	return &Archive{
		objects:  objects,
		records:  records,
		expected: expected,
		sent:     &sent.Folder{Path: opts.State, Disk: on, Log: log},
		journal:  newJournal(objects, opts),
		disk:     on, log: log,
		workers: opts.Concurrency, reading: opts.BeforeRead, name: opts.Name, tool: tool, host: opts.Host,
		effort: probe.Thorough, journalEvery: resume.Every, space: disk.SpaceAt,
	}
}

// Locate returns the path of the database that path refers to: path itself or, if path
// is the folder in which a Grafeo server keeps a database, the file in it. A folder
// with several databases, or none, is an error of [CodeNotDatabase].
func Locate(path string) (string, error) {
	file, err := locate.Database(path)
	return file, explain(err)
}

// newJournal returns the journal of an archive with these options.
func newJournal(store *objects.Store, o Options) *journal.Journal {
	j := journal.New(store, o.Name)
	if o.Recover {
		return j.Recovering()
	}
	return j
}
