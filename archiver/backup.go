package archiver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/storage"
)

// BackupOptions modify one backup. The zero value is usable.
type BackupOptions struct {
	// SegmentBytes is how much of the database goes into one stored object,
	// before compression; 0 means [DefaultSegmentBytes]. It is between
	// [MinSegmentBytes] and [MaxSegmentBytes].
	SegmentBytes int64

	// Level is how much work compression does; 0 means [segment.DefaultLevel].
	Level segment.Level

	// CommitTimeout is how long the commit waits for a clear answer of the
	// store; 0 means [DefaultCommitTimeout].
	CommitTimeout time.Duration

	// Observer hears of the progress; nil for nobody.
	Observer Observer
}

// Limits of [BackupOptions.SegmentBytes]: the largest one is far below what a
// single PUT may have even if nothing compresses.
const (
	DefaultSegmentBytes = 32 << 20
	MinSegmentBytes     = 1 << 20
	MaxSegmentBytes     = 128 << 20
)

const (
	maxCaptures  = 10 // of a database that changes while it is read
	maxConflicts = 20 // with other writers, before the run gives up
)

// BackupReport is what one run has done.
type BackupReport struct {
	Backup
	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Backup makes a full backup of the database at path, whether it is closed,
// left behind by a process that was killed, or open in another process. It
// only reads; it locks nothing.
//
// When it returns nil, the backup is committed and everything that it names is
// stored and was proved against the database's own checksums. With any error
// but [CodeUnknownOutcome] nothing was committed. What was stored until then
// stays, and a later run on the same state does not send it again.
func (a *Archive) Backup(ctx context.Context, path string, opts BackupOptions) (BackupReport, error) {
	if err := opts.complete(); err != nil {
		return BackupReport{}, explain(err)
	}
	var m *manifest.Manifest
	requests, elapsed, err := run(ctx, func(ctx context.Context) (err error) {
		m, err = a.backup(ctx, path, opts)
		return err
	})
	if err != nil {
		return BackupReport{}, err
	}
	return BackupReport{Backup: describe(m), Requests: requests, Elapsed: elapsed}, nil
}

func (o *BackupOptions) complete() error {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.SegmentBytes < MinSegmentBytes || o.SegmentBytes > MaxSegmentBytes {
		return fmt.Errorf("a segment size of %d bytes: it is between %d and %d", o.SegmentBytes, MinSegmentBytes, MaxSegmentBytes)
	}
	if o.Level == 0 {
		o.Level = segment.DefaultLevel
	}
	if o.CommitTimeout == 0 {
		o.CommitTimeout = DefaultCommitTimeout
	}
	return nil
}

func (a *Archive) backup(ctx context.Context, path string, opts BackupOptions) (*manifest.Manifest, error) {
	// Looking at the database first costs no request: what is no database
	// changes nothing and needs no store.
	if err := lookAt(path); err != nil {
		return nil, err
	}
	h, err := a.history(ctx)
	if err != nil {
		return nil, err
	}
	head, err := a.head(ctx, h)
	if err != nil {
		return nil, err
	}
	s, ix, u, err := a.copySource(ctx, path, head, opts)
	if err != nil {
		return nil, err
	}
	m := a.manifest(s, u)
	if err := a.place(ctx, m, ix); err != nil {
		return nil, err
	}
	doc, err := a.ensureArchive(ctx, h)
	if err != nil {
		return nil, err
	}
	m.ArchiveID = doc.ArchiveID
	return m, a.commitOn(ctx, head, m, s, opts.CommitTimeout)
}

// lookAt refuses what cannot become a backup, as far as headers and directories
// show it. Damage is not judged here: the database may be in the middle of a
// checkpoint.
func lookAt(path string) error {
	_, err := grafeo.Identify(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Code: CodeNotFound, Err: err, Hint: "Check the path: it is that of the database file, such as people.grafeo."}
	}
	if err != nil {
		return err
	}
	if _, err := readImage(path); err != nil && !torn(err) {
		return err
	}
	return nil
}

// head is the newest backup, or nil if there is none.
func (a *Archive) head(ctx context.Context, h *history) (*committed, error) {
	if h.last() == 0 {
		return nil, nil //nolint:nilnil // no backup is a normal state of an archive
	}
	return a.load(ctx, h, h.last())
}

// copySource captures a state of the database and stores its bytes, again if
// the database changes meanwhile, until bytes and checksums fit.
func (a *Archive) copySource(ctx context.Context, path string, head *committed, opts BackupOptions) (*source, *manifest.Index, *upload, error) {
	var before *manifest.Manifest
	if head != nil {
		before = head.Manifest
	}
	pause := pauses()
	for n := 1; ; n++ {
		print := fingerprint(path)
		s, ix, u, err := a.copyOnce(ctx, path, before, opts)
		if err == nil {
			return s, ix, u, nil
		}
		if !torn(err) {
			return nil, nil, nil, err
		}
		if print == fingerprint(path) {
			return nil, nil, nil, err
		}
		if n == maxCaptures {
			return nil, nil, nil, &Error{
				Code: CodeBusyDatabase,
				Err:  fmt.Errorf("%s changed while it was read, %d times in a row: %w", path, n, err),
				Hint: "Checkpoints follow each other faster than the database can be read. Back up when it is quieter, or make checkpoints rarer.",
			}
		}
		a.log.Info("the database changed while it was read, reading it again", "attempt", n, "err", err)
		select {
		case <-ctx.Done():
			return nil, nil, nil, context.Cause(ctx)
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// torn tells whether err can come from reading a database that somebody is
// writing to.
func torn(err error) bool {
	var gap *grafeo.GapError
	return errors.Is(err, grafeo.ErrDamaged) || errors.As(err, &gap) || errors.Is(err, fs.ErrNotExist)
}

func (a *Archive) copyOnce(ctx context.Context, path string, before *manifest.Manifest, opts BackupOptions) (*source, *manifest.Index, *upload, error) {
	s, err := capture(path, before)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := belongs(s, before); err != nil {
		return nil, nil, nil, err
	}
	u := &upload{
		archive: a, files: s.files, level: opts.Level, tracker: track(opts.Observer, s.bytes()),
		folder: manifest.SegmentFolder(s.folder(opts.SegmentBytes, opts.Level)), present: map[string]int64{},
	}
	for info, err := range a.store.List(ctx, u.folder, "") {
		if err != nil {
			return nil, nil, nil, err
		}
		u.present[info.Key] = info.Size
	}
	ix, err := u.run(ctx, opts.SegmentBytes)
	return s, ix, u, err
}

// belongs makes sure that an archive holds one database only.
func belongs(s *source, before *manifest.Manifest) error {
	if before == nil || before.Database.ID == s.image.DatabaseID {
		return nil
	}
	return &Error{
		Code: CodeWrongDatabase,
		Err:  fmt.Errorf("the archive belongs to another database: %s (%s), and this is %s", before.Database.Name, before.Database.ID, s.image.DatabaseID),
		Hint: "Use another archive for this database: an archive holds the history of one.",
	}
}

// manifest describes what was stored. What depends on the head is filled in
// when it is committed.
func (a *Archive) manifest(s *source, u *upload) *manifest.Manifest {
	return &manifest.Manifest{
		CommitID: randomID(), CreatedAt: a.now(), Tool: a.tool, Host: a.host,
		Kind: manifest.Full, Database: s.database(),
		StartEpoch: s.startEpoch, EndEpoch: s.endEpoch, EndTime: s.endTime, Commits: s.commits, Position: s.position,
		RawBytes: s.bytes(), StoredBytes: u.storedBytes, ReusedBytes: u.reusedBytes, SegmentsNew: int(u.sent),
	}
}

// commitOn commits m as the successor of head, the newest backup or nil, and
// when somebody else is faster, as the successor of theirs: a full backup needs
// nothing of the ones before it.
func (a *Archive) commitOn(ctx context.Context, head *committed, m *manifest.Manifest, s *source, timeout time.Duration) error {
	for range maxConflicts {
		m.Seq, m.Previous, m.Timeline = 1, nil, 1
		if head != nil {
			m.Seq, m.Previous, m.Timeline = head.Seq+1, &head.digest, head.Timeline
			if !s.follows {
				m.Timeline++
			}
		}
		err := a.commit(ctx, m, timeout)
		if !errors.Is(err, errConflict) {
			return err
		}
		a.log.Info("another writer has committed first, going on behind it", "seq", m.Seq)
		if head, err = a.newHead(ctx, s); err != nil {
			return err
		}
	}
	return &Error{
		Code: CodeConflict,
		Err:  fmt.Errorf("other writers committed first, %d times in a row", maxConflicts),
		Hint: "Several processes back up into this archive at the same time. Run the backup again, or less often.",
	}
}

// newHead reads the newest backup again, after a conflict, and relates s to it.
func (a *Archive) newHead(ctx context.Context, s *source) (*committed, error) {
	h, err := a.existing(ctx)
	if err != nil {
		return nil, err
	}
	head, err := a.head(ctx, h)
	if err != nil || head == nil {
		return head, err
	}
	if err := belongs(s, head.Manifest); err != nil {
		return nil, err
	}
	return head, s.relate(head.Manifest)
}

// randomID gives 128 random bits as 32 hex digits.
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
