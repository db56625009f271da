package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// manifests reads all manifests and compares them with each other. Those that are damaged
// are nil.
func (v *verification) manifests(ctx context.Context, l *journal.List) ([]*manifest.Committed, error) {
	backups, err := v.readManifests(ctx, l)
	if err != nil {
		return nil, err
	}
	v.report.Objects += len(l.Records)
	v.sequence(l.Records, backups)
	v.ancestry(backups)
	return backups, nil
}

// readManifests reads all manifests, and what they say of each other in summaries.
func (v *verification) readManifests(ctx context.Context, l *journal.List) ([]*manifest.Committed, error) {
	backups := make([]*manifest.Committed, 0, len(l.Records))
	known := map[manifest.Seq]*manifest.Committed{}
	for seqs := range slices.Chunk(l.Records, journal.Readers*manifest.GroupBackups) {
		part := make([]*manifest.Committed, len(seqs))
		err := v.journal.LoadRecords(ctx, l.Archive.ArchiveID, seqs, func(i int, m *manifest.Committed, err error) error {
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
	return backups, nil
}

// summaries compares what the manifests of part say in summaries with the manifests that
// these summarize, as far as they have been read, and drops the summaries: of many backups
// they are as much as all the rest.
func (v *verification) summaries(backups map[manifest.Seq]*manifest.Committed, part []*manifest.Committed) {
	for _, m := range part {
		if m == nil {
			continue
		}
		for _, b := range m.Outlines() {
			if of := backups[b.Seq]; of != nil && of != m && !of.SameOutline(b) {
				v.find(m.Seq.Key(), fmt.Sprintf("what it says about backup %d is not what that manifest says", b.Seq))
			}
		}
		m.Earlier = nil
	}
}

// sequence makes sure that no number is missing, and that each manifest names the digest
// of the one before.
func (v *verification) sequence(seqs []manifest.Seq, backups []*manifest.Committed) {
	if first := seqs[0]; first != 1 {
		v.find(manifest.Seq(1).Key(), fmt.Sprintf("it is missing: the first manifest is that of backup %d", first))
	}
	if backups[0] != nil {
		v.report.Backups++
	}
	for i, seq := range seqs[1:] {
		before, m := backups[i], backups[i+1]
		if missing := seqs[i] + 1; seq != missing {
			v.find(missing.Key(), fmt.Sprintf("it is missing: backup %d follows backup %d", seq, seqs[i]))
			continue
		}
		if m == nil {
			continue
		}
		v.report.Backups++
		if before != nil && *m.Previous != before.Digest {
			v.find(before.Seq.Key(), fmt.Sprintf("it is not the manifest that backup %d was committed on", seq))
		}
	}
}

// ancestry checks what each manifest says about those before it.
func (v *verification) ancestry(backups []*manifest.Committed) {
	c := catalog.New(backups)
	for i, m := range backups {
		if m == nil {
			continue
		}
		var before *manifest.Committed
		if i > 0 {
			before = backups[i-1]
		}
		if err := c.CheckAncestry(m, before); err != nil {
			v.find(m.Seq.Key(), err.Error())
		}
	}
}
