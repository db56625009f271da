package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// listPage is how many objects a store gives for one request.
const listPage = 1000

// recent is what a backup has to know of the archive: archive.json, and the end
// of the log of commits. It takes one LIST if m, the database's hold or this host's
// record, knows its newest backup, or if there are less than a thousand; else a number
// that grows with the logarithm of the number of backups. With look it also looks
// behind the list.
func (j *Journal) recent(ctx context.Context, m Memory, look bool) (*History, error) {
	h, err := j.archiveDocument(ctx)
	if err != nil {
		return nil, err
	}
	hint := manifest.Seq(0)
	if h.Archive != nil {
		hint = m.hint(h.Archive.ArchiveID)
	}
	all := false
	if hint > 0 {
		if h.Seqs, all, err = j.manifestsFrom(ctx, hint, listPage); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(h.Seqs, hint) { // it is not of this archive, or not there any more
		h.Seqs, all = nil, false
	}
	if !all {
		if h.Seqs, err = j.lastManifests(ctx, h.Seqs); err != nil {
			return nil, err
		}
	}
	if err := j.check(ctx, h); err != nil || !look {
		return h, err
	}
	return h, j.lookBehind(ctx, h)
}

// manifestsFrom gives the numbers of the backups from seq on, as far as one
// request shows them if limit is listPage, and whether these are all.
func (j *Journal) manifestsFrom(ctx context.Context, seq manifest.Seq, limit int) (seqs []manifest.Seq, all bool, err error) {
	n := 0
	for info, err := range j.Store.ListAfter(ctx, manifest.ManifestPrefix, (seq - 1).Key(), objects.MaxManifests) {
		if err != nil {
			return nil, false, err
		}
		if seq, ok := manifest.ParseKey(info.Key); ok {
			seqs = append(seqs, seq)
		}
		if n++; n == limit {
			return seqs, false, nil
		}
	}
	return seqs, true, nil
}

// lastManifests gives the numbers of the newest backups. It looks behind those
// that are known, further and further ahead until there is nothing, and then
// halves.
func (j *Journal) lastManifests(ctx context.Context, known []manifest.Seq) ([]manifest.Seq, error) {
	end := manifest.MaxSeq + 1 // from here on there is nothing
	for ahead := manifest.Seq(0); ; ahead = 3*ahead + listPage {
		last := manifest.Seq(0)
		if len(known) > 0 {
			last = known[len(known)-1]
		}
		if last+1 >= end {
			return known, nil
		}
		next := last + 1
		switch {
		case end > manifest.MaxSeq:
			next = min(next+ahead, manifest.MaxSeq)
		case end-next > listPage:
			next += (end - next) / 2
		}
		seqs, all, err := j.manifestsFrom(ctx, next, listPage)
		switch {
		case err != nil || all && len(seqs) > 0:
			return seqs, err
		case len(seqs) > 0:
			known = seqs
		case all:
			end = next
		default: // too much that is none of ours
			seqs, _, err = j.manifestsFrom(ctx, 1, objects.MaxManifests)
			return seqs, err
		}
	}
}

// archiveDocument reads archive.json, if it is there.
func (j *Journal) archiveDocument(ctx context.Context) (*History, error) {
	var h History
	b, err := j.Store.ReadDocument(ctx, manifest.ArchiveKey)
	switch {
	case errors.Is(err, storage.ErrNotExist):
	case errors.Is(err, storage.ErrNoStore):
		return nil, fmt.Errorf("%s: %w", j.Address(), err)
	case errors.As(err, new(*manifest.ObjectError)):
		return nil, &DamagedDocumentError{err}
	case err != nil:
		return nil, err
	default:
		if h.Archive, err = manifest.DecodeArchive(b); errors.Is(err, manifest.ErrDamaged) {
			return nil, &DamagedDocumentError{fmt.Errorf("%s: %w", manifest.ArchiveKey, err)}
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", manifest.ArchiveKey, err)
		}
	}
	return &h, nil
}

// check makes sure that where there are backups there is archive.json: it may have
// been created after it was asked for.
func (j *Journal) check(ctx context.Context, h *History) error {
	if h.Archive != nil || len(h.Seqs) == 0 {
		return nil
	}
	again, err := j.archiveDocument(ctx)
	if err != nil {
		return err
	}
	if h.Archive = again.Archive; h.Archive == nil {
		return &DamagedDocumentError{&manifest.ObjectError{Key: manifest.ArchiveKey, Problem: "it is missing, although there are backups"}}
	}
	return nil
}
