package archiver

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// KeyCheckReport is what [Archive.CheckKeys] has opened.
type KeyCheckReport struct {
	Keys     KeyList
	Backup   uint64 // the newest one, whose manifest was opened
	Object   string // the key of the object from which data was opened
	Bytes    int64  // of that data
	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// CheckKeys checks that the identities that the archive was given can open it, without any other
// key: the keys of all generations, the manifest of the newest backup, and its smallest segment.
//
// The error is [CodeKeyMissing] or [CodeKeyWrong] if they do not, and [CodeNotEncrypted] if the
// archive is not encrypted.
func (a *Archive) CheckKeys(ctx context.Context) (KeyCheckReport, error) {
	var r KeyCheckReport
	requests, elapsed, err := run(ctx, nil, func(ctx context.Context) error {
		by := a.byIdentities()
		return by.upToDate(ctx, func() (*journal.List, error) {
			l, err := by.withAllKeys(ctx, &r.Keys)
			if err == nil {
				err = by.openPiece(ctx, l, &r)
			}
			return l, err
		})
	})
	if err != nil {
		return KeyCheckReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

// byIdentities returns the archive as somebody sees it who has identities, and no other key.
func (a *Archive) byIdentities() *Archive {
	by := *a
	objects := *a.objects
	objects.Ring = seal.NewRing(seal.Given{Identities: a.expected.given.Identities, Check: a.expected.completed().Check})
	objects.Ring.LoadListsBy(objects.LoadKnownKeys)
	by.objects, by.journal = &objects, journal.New(&objects, a.name)
	return &by
}

// withAllKeys opens the archive, and all keys that it has.
func (a *Archive) withAllKeys(ctx context.Context, keys *KeyList) (*journal.List, error) {
	l, err := a.existing(ctx)
	if err != nil {
		return nil, err
	}
	ring := a.objects.Ring
	if !ring.IsSealed() {
		return nil, &notEncryptedError{address: a.journal.Address(), why: "its keys are asked for"}
	}
	list, err := ring.OpenAll(ctx)
	if err != nil {
		return nil, err
	}
	*keys = keyListOf(ring.ArchiveID(), ring.Keys(), list)
	return l, nil
}

// openPiece opens the smallest segment of the newest backup.
func (a *Archive) openPiece(ctx context.Context, l *journal.List, r *KeyCheckReport) error {
	m, err := a.journal.NewestBackup(ctx, l)
	if err != nil {
		return err
	}
	if m == nil {
		return &journal.NoBackupError{}
	}
	ix, err := a.journal.Index(ctx, m)
	if err != nil {
		return err
	}
	r.Backup = uint64(m.Seq)
	if len(ix.Segments) == 0 {
		return nil // an empty one
	}
	s := slices.MinFunc(ix.Segments, func(a, b manifest.Segment) int { return cmp.Compare(a.StoredBytes, b.StoredBytes) })
	sealed := []byte(s.Data)
	if r.Object = m.Key(); !s.IsInline() {
		r.Object = s.Key
		if sealed, err = a.objects.ReadSealed(ctx, s.Key, s.StoredBytes, s.SHA256, nil); err != nil {
			return err
		}
	}
	plain, err := a.objects.Ring.OpenData(ctx, sealed)
	if damage, ok := errors.AsType[*seal.DamageError](err); ok {
		err = &manifest.ObjectError{Key: r.Object, Problem: damage.Problem}
	}
	r.Bytes = int64(len(plain))
	return err
}
