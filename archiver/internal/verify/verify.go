package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Report is what one verification has found.
type Report struct {
	Backups  int       // manifests that were read
	Objects  int       // objects that were looked at
	Bytes    int64     // that were read or, if not deep, seen to be there
	Unused   int       // segments that no backup names
	Findings []Finding // in the order of their keys
}

// Finding is something wrong with an object, named by its key.
type Finding struct {
	Key     string
	Problem string
}

// Verifier checks an archive.
type Verifier struct {
	Store   *objects.Store
	Journal *journal.Journal
	Workers int
	Deep    bool // read every segment
}

// Verify checks the archive whose manifests are in h; err is why they could not be
// listed. What is wrong with the archive is not an error but a finding; an error means
// that the check itself could not be done.
func (c *Verifier) Verify(ctx context.Context, h *journal.List, err error) (Report, error) {
	v := verification{Verifier: c, found: map[Finding]bool{}}
	if err := v.untilThen(v.run(ctx, h, err)); err != nil {
		return Report{}, err
	}
	slices.SortFunc(v.report.Findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Problem, b.Problem))
	})
	return v.report, nil
}

type verification struct {
	*Verifier

	mu     sync.Mutex
	report Report
	found  map[Finding]bool
}

// find notes a finding, once.
func (v *verification) find(key, problem string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f := Finding{key, problem}
	if !v.found[f] {
		v.found[f] = true
		v.report.Findings = append(v.report.Findings, f)
	}
}

// untilThen adds to err, which ends the verification, what was found before it: it
// is true whatever comes next.
func (v *verification) untilThen(err error) error {
	if err == nil || len(v.report.Findings) == 0 {
		return err
	}
	f := v.report.Findings[0]
	return fmt.Errorf("%w; until then, %d problems were found, the first of them at %s: %s", err, len(v.report.Findings), f.Key, f.Problem)
}

// pass notes err as a finding if it tells of an object, and returns it if it
// does not.
func (v *verification) pass(err error) error {
	var object *manifest.ObjectError
	if errors.As(err, &object) {
		v.find(object.Key, object.Problem)
		return nil
	}
	return err
}

// withoutKey is what a finding says of err, whose key it has by itself.
func withoutKey(err error) string {
	var object *manifest.ObjectError
	if errors.As(err, &object) {
		return object.Problem
	}
	return err.Error()
}

func (v *verification) run(ctx context.Context, h *journal.List, err error) error {
	if err != nil {
		if errors.Is(err, manifest.ErrDamaged) {
			v.find(manifest.ArchiveKey, withoutKey(err))
			return nil
		}
		return v.pass(err)
	}
	v.report.Objects++ // archive.json
	if h.Document != nil {
		v.find(manifest.ArchiveKey, withoutKey(h.Document))
	}
	if len(h.Seqs) == 0 {
		return v.nothing(ctx)
	}
	backups, err := v.manifests(ctx, h)
	if err != nil {
		return err
	}
	sizes, err := v.sizes(ctx, manifest.SegmentPrefix)
	if err != nil {
		return err
	}
	indexes := make([]*manifest.Index, len(backups))
	named := map[string]bool{}
	digests := map[manifest.Pages]bool{}
	for i, m := range backups {
		if m == nil {
			continue
		}
		ix, err := v.Journal.Index(ctx, m.Manifest)
		if err := v.pass(err); err != nil {
			return err
		}
		if m.Index != nil {
			v.report.Objects++
		}
		if ix == nil {
			continue
		}
		indexes[i] = ix
		for _, s := range ix.Segments {
			if !named[s.Key] {
				named[s.Key] = true
				v.present(s.Key, s.StoredBytes, sizes)
			}
		}
		if image := ix.Image(); image != nil {
			for _, p := range image.Pages {
				digests[p] = true
			}
		}
	}
	if err := v.digests(ctx, digests); err != nil {
		return err
	}
	for key := range sizes {
		if !named[key] {
			v.report.Unused++
		}
	}
	if !v.Deep {
		return nil
	}
	whole, err := v.contents(ctx, backups, indexes)
	if err != nil {
		return err
	}
	return v.logs(ctx, catalog.New(backups), whole)
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
	v.find(manifest.Seq(1).Key(), "there is no backup, although there are segments: the first backup was interrupted, or its manifest is lost")
	return nil
}

// manifests reads all manifests; the ones that are broken are nil.
func (v *verification) manifests(ctx context.Context, h *journal.List) ([]*manifest.Committed, error) {
	backups := make([]*manifest.Committed, 0, len(h.Seqs))
	known := map[manifest.Seq]*manifest.Committed{}
	for seqs := range slices.Chunk(h.Seqs, journal.Readers*manifest.GroupBackups) {
		part := make([]*manifest.Committed, len(seqs))
		err := v.Journal.LoadAll(ctx, &journal.List{Archive: h.Archive, Seqs: seqs}, func(i int, m *manifest.Committed, err error) error {
			if part[i] = m; m != nil {
				known[m.Seq] = m
			}
			return v.pass(err)
		})
		if err != nil {
			return nil, err
		}
		v.summaries(known, part)
		backups = append(backups, part...)
	}
	v.report.Objects += len(h.Seqs)
	for i, seq := range h.Seqs {
		if i == 0 {
			if seq != 1 {
				v.find(manifest.Seq(1).Key(), fmt.Sprintf("it is missing: the first manifest is that of backup %d", seq))
			}
			continue
		}
		if before := h.Seqs[i-1]; seq != before+1 {
			v.find((before + 1).Key(), fmt.Sprintf("it is missing: backup %d follows backup %d", seq, before))
			continue
		}
		m, before := backups[i], backups[i-1]
		if m == nil {
			continue
		}
		v.report.Backups++
		if before != nil && *m.Previous != before.Digest {
			v.find(before.Seq.Key(), fmt.Sprintf("it is not the manifest that backup %d was committed on", seq))
		}
	}
	if len(backups) > 0 && backups[0] != nil {
		v.report.Backups++
	}
	v.order(backups)
	return backups, nil
}

// sizes lists all objects of a kind.
func (v *verification) sizes(ctx context.Context, prefix string) (map[string]int64, error) {
	sizes := map[string]int64{}
	for info, err := range v.Store.List(ctx, prefix, objects.MaxSegments) {
		if err != nil {
			return nil, err
		}
		sizes[info.Key] = info.Size
	}
	return sizes, nil
}

func (v *verification) present(key string, bytes int64, sizes map[string]int64) {
	v.report.Objects++
	v.report.Bytes += bytes
	switch size, ok := sizes[key]; {
	case !ok:
		v.find(key, "it is missing")
	case size != bytes:
		v.find(key, fmt.Sprintf("it has %d bytes instead of %d", size, bytes))
	}
}

// digests checks the digests of pages. No restore needs them, but the next full
// backup believes them.
func (v *verification) digests(ctx context.Context, named map[manifest.Pages]bool) error {
	if len(named) == 0 {
		return nil
	}
	sizes, err := v.sizes(ctx, manifest.PagesPrefix)
	if err != nil {
		return err
	}
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(v.Workers)
	for p := range named {
		v.present(p.Key, p.StoredBytes, sizes)
		if size, ok := sizes[p.Key]; !v.Deep || !ok || size != p.StoredBytes {
			continue
		}
		g.Go(func() error {
			_, err := v.Store.ReadSealed(running, p.Key, p.StoredBytes, p.SHA256, nil)
			return v.pass(err)
		})
	}
	return g.Wait()
}
