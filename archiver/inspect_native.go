package archiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/native"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// NativeList is the content of a list of native backups, given alone or in its folder.
type NativeList struct {
	Fulls, Incrementals int
	Bytes               uint64    // of their files
	Newest              time.Time // when the last one was made; zero if there is none
}

// listNative sums up a list of native backups.
func (i *Inspection) listNative(m *grafeo.NativeManifest) {
	l := &NativeList{}
	for _, e := range m.Entries {
		if e.Full {
			l.Fulls++
		} else {
			l.Incrementals++
		}
		if e.Full && i.Epochs == nil {
			i.Epochs = &Epochs{From: e.EndEpoch, To: e.EndEpoch}
		}
		if i.Epochs != nil {
			i.Epochs.To = max(i.Epochs.To, e.EndEpoch)
			if e.Full {
				i.Epochs.From = min(i.Epochs.From, e.EndEpoch)
			}
		}
		l.Bytes += e.Size
		l.Newest = e.Created
	}
	i.Generation, i.List = m.Generation, l
}

func (i *Inspection) nativeManifest() error {
	b, err := disk.ReadUpTo(i.Path, grafeo.MaxNativeManifestBytes+1)
	if err != nil {
		return err
	}
	m, err := grafeo.DecodeNativeManifest(b, i.Path)
	if err == nil {
		i.listNative(m)
	}
	return err
}

// nativeFolder checks all of a folder, as an import does.
func (i *Inspection) nativeFolder(ctx context.Context) error {
	n, err := native.Read(ctx, i.Path)
	if err != nil {
		return err
	}
	i.listNative(n.Manifest)
	return n.Damage()
}

// native checks a native incremental backup by itself: its parts continue each
// other, and every frame has its checksum.
func (i *Inspection) native(ctx context.Context) error {
	f, err := shared.Open(i.Path)
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h, parts, err := grafeo.ReadNative(f, info.Size(), i.Path)
	if h != nil {
		i.Native, i.Generation, i.Epochs = h, h.Generation, &Epochs{From: h.StartEpoch, To: h.EndEpoch}
	}
	if err != nil {
		return err
	}
	i.Log = &LogSummary{Files: len(parts), Bytes: info.Size()}
	visit := i.Log.visit(ctx)
	if h.Generation == grafeo.Gen05 {
		p := parts[0]
		return p.In(new(grafeo.Pieces05).Scan(io.NewSectionReader(f, p.Offset, p.Length), i.Path, visit))
	}
	var end uint64
	database := ""
	for k, p := range parts {
		r, err := grafeo.NewReader06(io.NewSectionReader(f, p.Offset, p.Length), i.Path)
		if err != nil {
			return p.In(err)
		}
		header := r.Header()
		if k > 0 && header.FirstLSN != end {
			return &grafeo.GapError{Path: i.Path, What: "the log position of the next segment", Want: end, Got: header.FirstLSN}
		}
		if k > 0 && header.DatabaseID != database {
			return &grafeo.WrongDatabaseError{Path: i.Path, Want: database, Got: header.DatabaseID}
		}
		database, end = header.DatabaseID, header.FirstLSN+uint64(p.Length-grafeo.SegmentHeaderLength)
		if err := eachCommit(r, visit); err != nil {
			return p.In(err)
		}
	}
	if n := uint64(i.Log.Commits); n != h.Count {
		return &grafeo.DamageError{Path: i.Path, Offset: 24, What: fmt.Sprintf("it has %d groups, but %d in its header", n, h.Count)}
	}
	return nil
}

// eachCommit calls visit for all commits of r.
func eachCommit(r *grafeo.Reader06, visit func(grafeo.Commit) error) error {
	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = visit(c)
		}
		if err != nil {
			return err
		}
	}
}

// nativeProblem is the report on what is wrong with a folder.
func nativeProblem(n native.Faults) *Problem {
	p := &Problem{File: n[0].File, What: n.Error()}
	if damage, ok := errors.AsType[*grafeo.DamageError](n[0].Err); ok {
		p.File, p.Offset = damage.Path, &damage.Offset
	}
	p.File = filepath.Clean(p.File)
	return p
}
