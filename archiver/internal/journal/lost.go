package journal

import (
	"cmp"
	"context"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// lost is a record that is missing or damaged.
type lost struct {
	Entry
	err error
}

func newestOf(records []lost) lost {
	return slices.MaxFunc(records, func(a, b lost) int { return cmp.Compare(a.Seq, b.Seq) })
}

// gaps returns the records that are missing after the newest keep; what is missing before it
// and was needed still, the keep names. If a group has none of the records of a gap, and the
// gap goes on before it, one stands for them all.
func (l *List) gaps() (missing []lost) {
	next := manifest.Seq(1)
	if l.Keep != nil {
		next = l.Keep.Seq + 1
	}
	for _, seq := range l.Records {
		if seq < next {
			continue
		}
		first := seq.GroupEnd() - manifest.GroupBackups + 1
		for next = max(next, min(seq, first-1)); next < seq; next++ {
			missing = append(missing, lost{Entry{Seq: next, Record: next}, &manifest.ObjectError{Key: next.Key(), Problem: "it is missing"}})
		}
		next = seq + 1
	}
	return missing
}

// losses finds out what later records repeat of those that are lost.
func (j *Journal) losses(ctx context.Context, l *List, records []lost) (losses []catalog.Loss, err error) {
	carriers := map[manifest.Seq][]*manifest.Manifest{} // outlines, by the record that has them; nil if it is damaged
	for _, r := range records {
		outline, err := j.outline(ctx, l, r.Record, carriers)
		if err != nil {
			return nil, err
		}
		loss := catalog.Loss{Seq: r.Seq, Err: r.err}
		if outline != nil {
			loss.Outline, err = r.Backup(&manifest.Committed{Manifest: outline})
			if loss.Outline == nil && err == nil {
				continue // it was no backup
			}
		}
		losses = append(losses, loss)
	}
	slices.SortFunc(losses, func(a, b catalog.Loss) int { return cmp.Compare(a.Seq, b.Seq) })
	return losses, nil
}

// outline returns the outline of a record from a later one of its group, nil if none has it.
func (j *Journal) outline(ctx context.Context, l *List, record manifest.Seq, carriers map[manifest.Seq][]*manifest.Manifest) (*manifest.Manifest, error) {
	for _, seq := range slices.Backward(l.Records) {
		if seq <= record {
			break
		}
		if seq.GroupEnd() != record.GroupEnd() {
			continue
		}
		outlines, isRead := carriers[seq]
		if !isRead {
			m, err := j.load(ctx, l, seq)
			if err != nil && !IsDamaged(err) {
				return nil, err
			}
			if err == nil {
				outlines = m.Outlines()
			}
			carriers[seq] = outlines
		}
		if i := int(record-1) % manifest.GroupBackups; i < len(outlines) {
			return outlines[i], nil
		}
	}
	return nil, nil
}
