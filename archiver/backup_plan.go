package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pack"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// BackupPlan is what a backup would do.
type BackupPlan struct {
	Kind Kind   // [KindNone] if nothing is new
	Why  string // of a full backup: why it would be one
	Seq  uint64 // number that the backup would get; of the newest one if nothing is new

	// CreatesArchive reports that there is no archive yet. Only the backup itself finds
	// out whether the store supports conditional writes, because that takes writing.
	CreatesArchive bool

	Timeline int    // that the backup would be on
	EndEpoch uint64 // with which it would end
	Commits  int64  // that would be in it

	RawBytes int64 // that would be read

	// MaxStoredBytes is how much would be stored in segments at most, and MaxRequests
	// the most requests that the whole backup would send: the real numbers are known
	// only when the database is read. MaxRequests assumes that the store proves what
	// it has stored, and that there are no failures, no conflicts and no segments of
	// an interrupted run.
	MaxStoredBytes int64
	MaxRequests    storage.RequestCounts

	Requests storage.RequestCounts // that the planning took
	Elapsed  time.Duration
}

// PlanBackup returns what [Archive.Backup] with the same arguments would do now. It reads
// only what it needs to know whether the log continues the newest backup, not the whole
// database. It writes nothing, neither in the store nor on the host. Its errors are those
// of a backup that fails before it stores anything.
func (a *Archive) PlanBackup(ctx context.Context, path string, opts BackupOptions) (BackupPlan, error) {
	if err := opts.complete(); err != nil {
		return BackupPlan{}, explain(err)
	}
	var p BackupPlan
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) (err error) {
		p, err = a.planBackup(ctx, path, opts)
		return err
	})
	if err != nil {
		return BackupPlan{}, err
	}
	p.Requests, p.Elapsed = requests, elapsed
	p.MaxRequests = p.MaxRequests.Plus(requests)
	return p, nil
}

// planBackup is [Archive.PlanBackup] without what [run] does, and without the requests that
// the planning takes, which the backup makes, too.
func (a *Archive) planBackup(ctx context.Context, path string, opts BackupOptions) (p BackupPlan, err error) {
	database, err := locate.Find(ctx, path, opts.Closed)
	if err != nil {
		return BackupPlan{}, err
	}
	path, opts.name = database.Path, database.Name
	if opts.lock, err = a.readLock(ctx, &opts); err != nil {
		return BackupPlan{}, err
	}
	probes := false
	w := updateOptions(a, path, opts)
	w.DryRun = true
	w.Probe = func(context.Context) (manifest.Verdict, error) {
		probes = true
		return manifest.Honoured, nil
	}
	err = commit.Update(ctx, a.journal, w, func(head *commit.Head) error { // which appends nothing
		s, err := lookOn(ctx, a, path, head, opts)
		if err != nil {
			return err
		}
		if s.IsNothing() {
			newest := head.Parent
			p = BackupPlan{Kind: KindNone, Seq: uint64(newest.Seq), Timeline: newest.Timeline, EndEpoch: newest.EndEpoch}
			return nil
		}
		m := (&pack.Packed{Source: s}).Manifest(a.tool, a.host, opts.Labels)
		head.Place(m)
		p = BackupPlan{
			Kind: Kind(m.Kind), Why: s.Why, Seq: uint64(m.Seq), CreatesArchive: probes && head.Parent == nil,
			Timeline: m.Timeline, EndEpoch: m.EndEpoch, Commits: m.Commits, RawBytes: m.RawBytes,
		}
		return p.estimate(ctx, newPacker(a, head, opts), head, s)
	})
	if err == nil && probes {
		p.MaxRequests = p.MaxRequests.Plus(a.effort.Requests())
	}
	return p, err
}

// lookOn finds out what a backup that follows head would store.
func lookOn(ctx context.Context, a *Archive, path string, head *commit.Head, opts BackupOptions) (s *capture.Source, err error) {
	held := !opts.NoHold && hold.WasHeldSince(path, head.Archive.ArchiveID, head.Parent)
	q := newQuery(a, path, head, held, opts)
	err = pack.UntilStable(ctx, path, func() (err error) {
		s, err = q.Look(ctx)
		return err
	})
	return s, err
}

// estimate sets what it takes at most to store s and to commit it on head.
func (p *BackupPlan) estimate(ctx context.Context, packer *pack.Packer, head *commit.Head, s *capture.Source) error {
	most, err := packer.Estimate(ctx, s)
	if err != nil {
		return err
	}
	p.MaxStoredBytes = most.StoredBytes
	p.MaxRequests = most.Requests.Plus(head.CommitRequests(manifest.Kind(p.Kind), most.IndexBytes))
	return nil
}
