package archiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/certificates"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/ring"
	"github.com/gbak-s3/gbak-s3/archiver/internal/verify"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// readBefore is what earlier verifications have read of the segments of an archive.
type readBefore struct {
	ring ring.Ring
	next manifest.Place // where a sample goes on
	arc  manifest.Arc   // that has been read now
}

// readBefore reads the newest certificate. Who may not read it, or has none, begins anywhere:
// if he can leave none either, it is not the same part each time.
func (a *Archive) readBefore(ctx context.Context, l *journal.List, now time.Time) (readBefore, error) {
	b := readBefore{next: manifest.PlaceOf(manifest.Sum([]byte(manifest.NewID())))}
	newest, err := certificates.Newest(ctx, a.objects, l.Archive.ArchiveID)
	object, isDamaged := errors.AsType[*manifest.ObjectError](err)
	switch {
	case isDamaged:
		a.log.Warn("the newest certificates are damaged: what samples have read so far is forgotten", "key", object.Key, "err", object.Problem)
	case errors.Is(err, storage.ErrPermission):
		a.log.Warn("certificates cannot be read: a sample begins anywhere", "err", err)
	case err != nil:
		return b, err
	case newest != nil && len(newest.Arcs) > 0:
		b.ring = ring.Of(newest.Arcs, now)
		b.next = b.ring.Next()
	}
	return b, nil
}

// with returns b with what a verification has read that began at a time.
func (b readBefore) with(begun time.Time, read verify.Read) readBefore {
	b.arc = manifest.Arc{From: read.From, To: read.To, BegunAt: begun, UpTo: read.UpTo, Findings: read.Findings}
	return b
}

// addRead says what has been read so far, and leaves a certificate if it is wanted.
func (a *Archive) addRead(ctx context.Context, l *journal.List, r *VerifyReport, read readBefore, isWanted bool) error {
	now := manifest.Now()
	arcs := read.ring.With(read.arc, now).Arcs()
	if isWanted {
		c, err := a.putVerification(ctx, l, r, read.arc)
		switch {
		case err == nil:
			arcs = c.Arcs
			r.Read.Certificate = c.Key
		case ctx.Err() != nil:
			return err
		default:
			r.Read.NoCertificate = explain(err)
		}
	}
	r.Read.Coverage = *coverageOf(arcs, now)
	return nil
}

// putVerification leaves the certificate of a verification.
func (a *Archive) putVerification(ctx context.Context, l *journal.List, r *VerifyReport, arc manifest.Arc) (*manifest.Certificate, error) {
	level, why := "sample", ""
	if r.Deep {
		level = "deep"
	}
	if n := len(r.Findings); n > 0 {
		why = fmt.Sprintf("%s: %s (problems in all: %d)", r.Findings[0].Key, r.Findings[0].Problem, n)
		why = why[:min(len(why), manifest.MaxWhyBytes)]
	}
	return a.certify(ctx, l, func(newest *manifest.Certificate) manifest.Certificate {
		now := manifest.Now()
		var before []manifest.Arc
		if newest != nil {
			before = newest.Arcs
		}
		return manifest.Certificate{
			Kind: manifest.VerifyCertificate, OK: r.OK(), Why: why,
			Verify: &manifest.Verification{
				Level: level, Objects: int64(r.Read.Segments), Bytes: r.Read.Bytes, Findings: int64(len(r.Findings)),
			},
			Arcs: ring.Of(before, now).With(arc, now).Arcs(),
		}
	})
}
