package archiver_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// withstanding is a bucket in which some tampering is not possible.
type withstanding struct {
	storage.Storage
	info     storage.StoreInfo
	outcomes map[storage.Tampering]storage.TamperOutcome // [storage.TamperDone] if it is not there
	err      error                                       // of each attempt
	tried    *sync.Map                                   // of storage.Tampering
}

func (w *withstanding) Inspect(context.Context) storage.StoreInfo { return w.info }

func (w *withstanding) Tamper(_ context.Context, _ string, how storage.Tampering) (storage.TamperOutcome, error) {
	w.tried.Store(how, true)
	if w.err != nil {
		return "", w.err
	}
	if outcome, ok := w.outcomes[how]; ok {
		return outcome, nil
	}
	return storage.TamperDone, nil
}

// What was tried decides what doctor says, and what could not be seen is not taken for safe.
func TestDoctorSaysWhatAThiefCouldDo(t *testing.T) {
	const denied = storage.TamperDenied
	locked := &storage.ObjectLock{Enabled: true, Retention: &storage.Retention{Mode: storage.RetentionCompliance, Days: 30}}
	versioned := storage.StoreInfo{Versioning: storage.VersioningOn, ObjectLock: locked}
	forbid := func(ops ...storage.Op) storagetest.Hook {
		return func(op storage.Op, key string, _ int) (f storagetest.Fault) {
			if slices.Contains(ops, op) && (op != storage.OpPut || strings.HasSuffix(key, "-tamper")) {
				f.Err = storage.ErrPermission
			}
			return f
		}
	}
	all := map[storage.Tampering]storage.TamperOutcome{
		storage.ReplaceVersion: denied, storage.BackdateVersion: denied, storage.DeleteVersion: denied, storage.LockBriefly: denied, storage.ShortenLock: denied,
	}
	but := func(how storage.Tampering, outcome storage.TamperOutcome) map[storage.Tampering]storage.TamperOutcome {
		some := map[storage.Tampering]storage.TamperOutcome{how: outcome}
		for other, o := range all {
			if other != how {
				some[other] = o
			}
		}
		return some
	}
	noVersions := &storage.Error{Op: storage.OpHead, Err: storage.ErrNoVersions}
	for name, c := range map[string]struct {
		w        withstanding
		forbid   []storage.Op
		verdict  archiver.Certainty
		says     []string
		severity archiver.Severity
		lockless bool // no lock may be tried
	}{
		"compliance":         {w: withstanding{info: versioned, outcomes: all}, forbid: []storage.Op{storage.OpDelete}, verdict: archiver.Yes, says: []string{"yes, with these holes: puts hide"}, severity: archiver.SeverityOK},
		"a version may go":   {w: withstanding{info: versioned, outcomes: but(storage.DeleteVersion, storage.TamperDone)}, verdict: archiver.No, says: []string{"no: versions can be deleted; besides: deletes hide"}, severity: archiver.SeverityWarning},
		"a version may lie":  {w: withstanding{info: versioned, outcomes: but(storage.BackdateVersion, storage.TamperDone)}, verdict: archiver.Yes, says: []string{"older"}, severity: archiver.SeverityOK},
		"bytes may change":   {w: withstanding{info: versioned, outcomes: but(storage.ReplaceVersion, storage.TamperDone)}, verdict: archiver.No, says: []string{"replace the bytes"}, severity: archiver.SeverityWarning},
		"locks may end":      {w: withstanding{info: versioned, outcomes: but(storage.ShortenLock, storage.TamperDone)}, verdict: archiver.Yes, says: []string{"this host can shorten locks"}, severity: archiver.SeverityWarning},
		"locks are short":    {w: withstanding{info: versioned, outcomes: but(storage.LockBriefly, storage.TamperDone)}, verdict: archiver.Yes, says: []string{"this host can shorten locks"}, severity: archiver.SeverityWarning},
		"only the lock":      {w: withstanding{info: versioned, outcomes: but(storage.DeleteVersion, storage.TamperRefused)}, verdict: archiver.Yes, says: []string{"once their lock ends"}, severity: archiver.SeverityOK},
		"no lock":            {w: withstanding{info: storage.StoreInfo{Versioning: storage.VersioningOn, ObjectLock: &storage.ObjectLock{}}, outcomes: all}, verdict: archiver.Yes, severity: archiver.SeverityOK, lockless: true},
		"no versions":        {w: withstanding{info: storage.StoreInfo{Versioning: storage.VersioningOff}, err: noVersions}, verdict: archiver.No, says: []string{"objects can be deleted; objects can be overwritten"}, severity: archiver.SeverityNote},
		"nothing may change": {w: withstanding{info: storage.StoreInfo{Versioning: storage.VersioningOff}, err: noVersions}, forbid: []storage.Op{storage.OpDelete}, verdict: archiver.No, says: []string{"no: objects can be overwritten"}, severity: archiver.SeverityNote},
		"suspended":          {w: withstanding{info: storage.StoreInfo{Versioning: storage.VersioningSuspended}, err: noVersions}, verdict: archiver.No, says: []string{"objects can be deleted"}, severity: archiver.SeverityNote},
		"nobody knows":       {w: withstanding{err: &storage.Error{Op: storage.OpPut, Err: errors.New("what?")}}, verdict: archiver.Unknown, says: []string{"whether the bucket keeps them as versions is not known"}, severity: archiver.SeverityNote},
		"no answer":          {w: withstanding{info: versioned, err: &storage.Error{Op: storage.OpPut, Err: errors.New("what?")}}, verdict: archiver.Unknown, says: []string{"whether versions can be deleted:", "what?"}, severity: archiver.SeverityNote},
	} {
		c.w.Storage, c.w.tried = storagetest.NewFaulty(storagetest.NewMemory(), forbid(c.forbid...)), &sync.Map{}
		r := examine(t, &c.w)
		if p := r.Problem(); p != nil || r.Protection == nil || r.Protection.AppendOnly != c.verdict {
			t.Errorf("%s: problem %+v; %+v", name, p, r.Protection)
			continue
		}
		said := check(t, r, "append_only")
		for _, word := range append(c.says, "append-only: "+string(c.verdict)) {
			if !strings.Contains(said.Text, word) {
				t.Errorf("%s: %q does not say %q", name, said.Text, word)
			}
		}
		if said.Severity != c.severity || (said.Severity == archiver.SeverityWarning) && said.Hint == "" {
			t.Errorf("%s: %+v", name, said)
		}
		if _, isTried := c.w.tried.Load(storage.ShortenLock); c.w.err == nil && isTried == c.lockless {
			t.Errorf("%s: a lock was shortened: %t", name, isTried)
		}
	}
}

// With --lock-keep, locks that are too short, or not known, are a problem.
func TestDoctorLooksAtLocks(t *testing.T) {
	for days, ok := range map[int]bool{90: true, 31: true, 30: false, 0: false} {
		lock := &storage.ObjectLock{Enabled: true}
		if days > 0 {
			lock.Retention = &storage.Retention{Mode: storage.RetentionCompliance, Days: days}
		}
		store := locks{storagetest.NewMemory(), lock}
		r, err := newArchive(store).Doctor(t.Context(), archiver.DoctorOptions{LockKeep: 30 * 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		c := check(t, r, "lock_keep")
		if p := r.Problem(); (p == nil) != ok || !ok && (p.Name != "lock_keep" || p.Code != archiver.CodeLock) || !strings.Contains(c.Text, "30 days") && days > 0 {
			t.Errorf("%d days: %+v", days, c)
		}
	}
	r, err := newArchive(storagetest.NewMemory()).Doctor(t.Context(), archiver.DoctorOptions{LockKeep: time.Hour, LockLength: 48 * time.Hour})
	if c := check(t, r, "lock_keep"); err != nil || c.Severity != archiver.SeverityOK || !strings.Contains(c.Text, "46h0m0s") {
		t.Errorf("%v: %+v", err, c)
	}
}

// locks is a store that locks objects.
type locks struct {
	storage.Storage
	lock *storage.ObjectLock
}

func (l locks) ReadObjectLock(context.Context) (storage.ObjectLock, error) { return *l.lock, nil }

// A bucket whose policy demands the condition of a put is as safe as any, and is examined
// like any.
func TestDoctorWhereOnlyCreatingIsAllowed(t *testing.T) {
	r := examine(t, createOnly{storagetest.NewMemory()})
	if p := r.Problem(); p != nil || r.Clock == nil || r.UploadSpeed <= 0 {
		t.Errorf("%+v, %+v", p, r)
	}
	if p := r.Protection; p.AppendOnly != archiver.Yes || len(p.Holes) > 0 || p.Left == 0 {
		t.Errorf("%+v", p)
	}
}

// createOnly is a store in which these credentials may create what is absent, and no more.
type createOnly struct{ *storagetest.Memory }

func (s createOnly) Put(ctx context.Context, key string, body io.ReadSeeker, o storage.PutOptions) (storage.PutResult, error) {
	if !o.IfAbsent {
		return storage.PutResult{}, &storage.Error{Op: storage.OpPut, Key: key, Err: storage.ErrPermission}
	}
	return s.Memory.Put(ctx, key, body, o)
}

func (s createOnly) Delete(_ context.Context, key string) error {
	return &storage.Error{Op: storage.OpDelete, Key: key, Err: storage.ErrPermission}
}

func (s createOnly) DeleteAll(_ context.Context, keys []string) (map[string]error, error) {
	return nil, &storage.Error{Op: storage.OpDelete, Key: keys[0], Err: storage.ErrPermission}
}
