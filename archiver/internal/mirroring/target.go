package mirroring

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// NotMirrorError is the error for a target that is something else than a mirror of the source.
type NotMirrorError struct {
	Address    string
	Problem    string
	IsDetached bool
}

func (e *NotMirrorError) Error() string { return e.Address + " " + e.Problem }

// DivergedError is the error for a mirror that is not, or no more, as the source was at any time.
type DivergedError struct {
	Source, Target string
	Seq            manifest.Seq
	IsNewer        bool // the target has this record, and the source does not
}

func (e *DivergedError) Error() string {
	if e.IsNewer {
		return fmt.Sprintf("%s is newer than %s, which has no record %d: nothing was changed", e.Target, e.Source, e.Seq)
	}
	if e.Seq == 0 {
		return fmt.Sprintf("there is another archive at %s now: somebody else has written there", e.Target)
	}
	return fmt.Sprintf("record %d of %s is another one than in %s: somebody else has written there, and what is there was left alone", e.Seq, e.Target, e.Source)
}

// openTarget finds out what the target has, and makes it a mirror if nothing is there.
func (r *run) openTarget(ctx context.Context, document []byte) error {
	m, err := journal.ReadMirror(ctx, r.Target)
	if err != nil {
		return r.ofTarget(err)
	}
	existing, err := readDocument(ctx, r.Target, manifest.ArchiveKey)
	if errors.Is(err, storage.ErrNotExist) {
		existing, err = nil, nil
	}
	if err != nil {
		return r.ofTarget(err)
	}
	records, err := listRecords(ctx, r.Target)
	if err != nil {
		return err
	}
	switch {
	case m == nil && existing == nil && len(records) == 0:
		if err := r.begin(ctx); err != nil {
			return err
		}
		if err := r.checkAbsent(ctx); err != nil {
			return err
		}
	default:
		if err := r.checkMirror(ctx, m, existing, document); err != nil {
			return err
		}
	}
	r.isFirst, r.has = existing == nil, make(map[manifest.Seq]bool, len(records))
	for _, seq := range records {
		r.has[seq] = true
	}
	return r.checkRecords(ctx, records)
}

// checkMirror makes sure that what is at the target is a mirror of the source. m is what it says
// of itself, nil for nothing; existing is its archive.json, nil if there is none.
func (r *run) checkMirror(ctx context.Context, m *manifest.Mirror, existing, document []byte) error {
	e := &NotMirrorError{Address: r.TargetName}
	switch {
	case m == nil:
		e.Problem = "has an archive that is no mirror: it has no " + manifest.MirrorKey
		return e
	case m.ArchiveID != r.id:
		e.Problem = fmt.Sprintf("is a mirror of another archive (%s)", m.Source)
		return e
	}
	detached, err := journal.ReadDetached(ctx, r.Target)
	switch {
	case err != nil:
		return r.ofTarget(err)
	case detached != nil:
		e.Problem = fmt.Sprintf("is a mirror no more: it was detached on %s, at %s", detached.Host, detached.At.UTC().Format("2006-01-02 15:04:05 UTC"))
		e.IsDetached = true
		return e
	case existing == nil || string(existing) == string(document):
		return nil
	}
	if id, err := archiveID(existing); err != nil || id == r.id {
		return r.ofTarget(&manifest.ObjectError{Key: manifest.ArchiveKey, Problem: "it is not that of the archive that is mirrored"})
	}
	return &DivergedError{r.SourceName, r.TargetName, 0, false}
}

// begin makes a mirror of a target in which nothing is.
func (r *run) begin(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	verdict, err := r.Probe(ctx)
	switch {
	case err != nil:
		return err
	case verdict != manifest.Honoured:
		return &commit.UnsafeStoreError{Address: r.TargetName, Verdict: verdict}
	}
	m := &manifest.Mirror{ArchiveID: r.id, Source: r.SourceName, At: manifest.Now(), Tool: r.Tool, Host: r.Host}
	_, err = r.Target.CreateAt(ctx, manifest.MirrorKey, m.Encode())
	if _, isOther := errors.AsType[*objects.OtherContentError](err); !isOther {
		return err
	}
	other, err := journal.ReadMirror(ctx, r.Target) // of a run at the same time
	if err == nil && (other == nil || other.ArchiveID != r.id) {
		err = &DivergedError{r.SourceName, r.TargetName, 0, false}
	}
	return err
}

// checkAbsent makes sure that nobody has begun an archive at the target meanwhile.
func (r *run) checkAbsent(ctx context.Context) error {
	_, err := r.Target.Storage.Head(ctx, manifest.ArchiveKey)
	switch {
	case errors.Is(err, storage.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	existing, err := readDocument(ctx, r.Target, manifest.ArchiveKey)
	if err == nil {
		if id, idErr := archiveID(existing); idErr == nil && id == r.id {
			return nil // another run
		}
	}
	return &DivergedError{r.SourceName, r.TargetName, 0, false}
}

// checkRecords makes sure that the target has no records but those of the source. As each names the
// digest of the one before, the newest that both have shows that for all before.
func (r *run) checkRecords(ctx context.Context, records []manifest.Seq) error {
	if len(records) == 0 {
		return nil
	}
	inSource := make(map[manifest.Seq]bool, len(r.records))
	for _, seq := range r.records {
		inSource[seq] = true
	}
	if last := records[len(records)-1]; last > r.report.Newest {
		// Another run may have seen more of the source, which has grown since it was looked at.
		switch _, err := r.Source.Store().Storage.Head(ctx, last.Key()); {
		case errors.Is(err, storage.ErrNotExist):
			return &DivergedError{r.SourceName, r.TargetName, last, true}
		case err != nil:
			return err
		}
		inSource[last], r.report.Newest = true, last
	}
	for i := len(records) - 1; i >= 0; i-- {
		seq := records[i]
		if !inSource[seq] {
			continue // deleted there
		}
		there, err := readDocument(ctx, r.Target, seq.Key())
		if err != nil {
			return r.ofTarget(err)
		}
		here, err := readDocument(ctx, r.Source.Store(), seq.Key())
		if err == nil && string(here) != string(there) {
			err = &DivergedError{r.SourceName, r.TargetName, seq, false}
		}
		return err
	}
	return nil
}

// finish makes an archive of the target, if it has all that the source has, or all before what is
// damaged.
func (r *run) finish(ctx context.Context, document []byte) error {
	if !r.isFirst {
		return nil
	}
	if len(r.has) == 0 && len(r.records) > 0 || r.list == nil && r.stop == 0 || r.list != nil && r.list.Keep != nil && r.stop <= r.list.Keep.Seq {
		return nil // nothing that could be restored
	}
	_, err := r.Target.CreateAt(ctx, manifest.ArchiveKey, document)
	if _, isOther := errors.AsType[*objects.OtherContentError](err); isOther {
		return &DivergedError{r.SourceName, r.TargetName, 0, false}
	}
	return err
}

// ofTarget is err, as one about the target if it is about an object.
func (r *run) ofTarget(err error) error {
	if object, ok := errors.AsType[*manifest.ObjectError](err); ok {
		return &DamageError{First: Damage{*object, false}, Count: 1}
	}
	return err
}

// listRecords lists the numbers of an archive's records.
func listRecords(ctx context.Context, s *objects.Store) (records []manifest.Seq, err error) {
	for info, err := range s.List(ctx, manifest.ManifestPrefix, objects.MaxManifests) {
		if err != nil {
			return nil, err
		}
		if seq, ok := manifest.ParseKey(info.Key); ok {
			records = append(records, seq)
		}
	}
	return records, nil
}

// readDocument reads a document as it is stored. If it is not intact, the error is a
// [*manifest.ObjectError].
func readDocument(ctx context.Context, s *objects.Store, key string) ([]byte, error) {
	b, err := s.Read(ctx, key, manifest.MaxStoredDocument, manifest.Intact)
	if err == nil && !manifest.Intact(b) {
		err = &manifest.ObjectError{Key: key, Problem: "its content does not match its own digest"}
	}
	return b, err
}

// archiveID returns what archive.json, as it is stored, says without a key.
func archiveID(document []byte) (string, error) {
	if manifest.HasMAC(document) {
		a, err := manifest.DecodeSealedArchive(document)
		if err != nil {
			return "", fmt.Errorf("%s: %w", manifest.ArchiveKey, err)
		}
		return a.ArchiveID, nil
	}
	a, err := manifest.DecodeArchive(document)
	if err != nil {
		return "", fmt.Errorf("%s: %w", manifest.ArchiveKey, err)
	}
	return a.ArchiveID, nil
}
