package archiver

import (
	"context"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pack"
	"github.com/gbak-s3/gbak-s3/archiver/internal/probe"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// newPacker returns the packer of a backup that builds on head.
func newPacker(a *Archive, head *commit.Head, opts BackupOptions) *pack.Packer {
	return pack.New(head, pack.Options{
		SegmentBytes: opts.SegmentBytes, Level: opts.Level, Fresh: opts.Fresh, Since: opts.lock.since(time.Now()),
		Prepared: opts.prepared, Sent: opts.sent, Workers: a.workers, BeforeRead: a.reading, Log: a.log,
	})
}

// newQuery returns the question to the database at path: what is new since the parent of
// head.
func newQuery(a *Archive, path string, head *commit.Head, held bool, opts BackupOptions) capture.Query {
	q := capture.Query{
		Path: path, Name: opts.name, Parent: head.Parent, Held: held,
		Full: opts.Full, NoFull: opts.NoFull, NewDatabase: opts.NewDatabase, Knows: a.knows, Log: a.log, Logs: opts.logs, Places: opts.places,
	}
	opts.lock.demand(&q)
	return q
}

// holderOf returns the archive as one for which databases keep their logs.
func holderOf(a *Archive, p *pace) hold.Holder {
	return hold.Holder{Disk: a.disk, Name: a.name, Log: a.log, Pace: p.ofHold()}
}

// updateOptions returns how a backup of the database at path, "" for none, updates the
// journal.
func updateOptions(a *Archive, path string, opts BackupOptions) commit.UpdateOptions {
	return commit.UpdateOptions{
		Tool: a.tool, Known: remember(a, path), BeginAnew: opts.BeginAnew, SingleWriter: opts.SingleWriter, MayBegin: a.expected.mayBegin,
		Probe: func(ctx context.Context) (manifest.Verdict, error) { return probeConditions(ctx, a) },
	}
}

// probeConditions finds out how the store treats conditional writes, before an archive
// is made in it.
func probeConditions(ctx context.Context, a *Archive) (manifest.Verdict, error) {
	p := probe.New(a.objects, a.effort)
	verdict, err := p.Conditions(ctx)
	if left := p.Clean(ctx); left != nil {
		a.log.Info("a few small objects of the probe of the store stay in it", "prefix", p.Prefix, "err", left)
	}
	if err != nil {
		return "", fmt.Errorf("trying whether the store creates an object only if it is absent: %w", err)
	}
	return verdict, nil
}
