package archiver_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// The store's clock decides when bytes go, and never whether a backup keeps them: wherever
// it jumps, backups have all that they need, and afterwards all goes on.
func TestStoreClockJumps(t *testing.T) {
	t.Parallel()
	m, store := grown(t)
	var clock storeClock
	clock.set(time.Now())
	store.SetClock(clock.now)
	if r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Apply: true}); err != nil || r.Deleted.Objects > 0 {
		t.Fatalf("%+v deleted, %v", r.Deleted, err)
	}
	m.commit(50)
	backup(t, store, m.path)
	state := snapshotOf(t, store)
	delete(state.objects, manifest.ProbePrefix+"0123456789abcdef0123456789abcdef/00-left") // it goes by that clock alone
	const year = 365 * 24 * time.Hour
	for _, jump := range []time.Duration{-10 * year, -time.Hour, time.Hour, 22 * time.Hour, 24 * time.Hour, 10 * year} {
		at := fmt.Sprintf("the clock jumps by %s", jump)
		store := state.store(t, jump)
		r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Apply: true})
		if isOver := jump > 23*time.Hour; err != nil || (r.Deleted.Objects > 0) != isOver {
			t.Fatalf("%s: %+v deleted, %v", at, r.Deleted, err)
		}
		look(t, store.Objects()).mustHaveAll(t, at, state.objects)
		mustBeWhole(t, store)
		mustHeal(t, at, store, archiver.Rules{Last: 2})
	}
}

// dated returns the same archive, of which each record was made and stored at the times that
// at returns.
func dated(t testing.TB, s snapshot, at func(seq manifest.Seq) (made, stored time.Time)) snapshot {
	t.Helper()
	s = snapshot{maps.Clone(s.objects), maps.Clone(s.written)}
	var before *manifest.Manifest
	for seq := manifest.Seq(1); s.objects[seq.Key()] != nil; seq++ {
		m := manifestOf(t, s.objects, uint64(seq))
		made, stored := at(seq)
		m.CreatedAt, m.ReadUntil, s.written[seq.Key()] = made, made, stored
		if before != nil {
			sum := manifest.Sum(before.Encode())
			m.Previous = &sum
			m.SetEarlier(before)
		}
		s.objects[seq.Key()], before = m.Encode(), m
	}
	return s
}

// A host whose clock is wrong, by whatever, makes no backup go that others have made.
func TestHostsWithWrongClocks(t *testing.T) {
	t.Parallel()
	m, store := newModel(t), storagetest.NewMemory()
	chains(t, m, store, 4, 2) // 1 to 12, one a day
	plain := snapshotOf(t, store)
	const day = 24 * time.Hour
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	takenAt := func(seq manifest.Seq) time.Time { return start.Add(time.Duration(seq) * day) }
	kept := func(t *testing.T, wrong manifest.Seq, by time.Duration, rules archiver.Rules, apply bool) (seqs []uint64) {
		s := dated(t, plain, func(seq manifest.Seq) (made, stored time.Time) {
			made, stored = takenAt(seq), takenAt(seq)
			if seq == wrong {
				made = made.Add(by)
			}
			return made, stored
		})
		store := s.store(t, 0)
		r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Rules: &rules, Apply: apply, Grace: archiver.NoGrace})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range r.Verdicts {
			if v.Stays && !strings.HasPrefix(v.Because[0], "chain") { // for itself
				seqs = append(seqs, v.Backup.Seq)
			}
		}
		if apply {
			look(t, store.Objects()).mustHaveAll(t, "afterwards", s.objects)
			mustBeWhole(t, store)
		}
		return seqs
	}
	for name, rules := range map[string]archiver.Rules{
		"last": {Last: 3}, "within": {Within: 3 * day}, "daily": {Daily: 4}, "weekly": {Weekly: 2}, "window": {Window: 4 * day},
	} {
		t.Run(name, func(t *testing.T) {
			want := kept(t, 0, 0, rules, true)
			if len(want) < 2 || len(want) == 12 {
				t.Fatalf("%v are kept", want)
			}
			for wrong := manifest.Seq(1); wrong <= 12; wrong++ {
				for i, by := range []time.Duration{-3650 * day, -2 * day, -36 * time.Hour, -time.Hour, time.Hour, 36 * time.Hour, 2 * day, 3650 * day} {
					if wrong == 12 && by < -24*time.Hour {
						continue // of the newest two, nobody knows which one is wrong
					}
					got := kept(t, wrong, by, rules, (int(wrong)+i)%8 == 0)
					for _, seq := range want {
						if seq != uint64(wrong) && !slices.Contains(got, seq) {
							t.Errorf("the clock of the host of %d is wrong by %s, and %d goes: %v are kept, and were %v", wrong, by, seq, got, want)
						}
					}
				}
			}
		})
	}
}

// lying is a store that proves that it has a keep, and has forgotten it.
type lying struct {
	*storagetest.Memory
	told bool
}

func (l *lying) Put(ctx context.Context, key string, body io.ReadSeeker, o storage.PutOptions) (storage.PutResult, error) {
	if strings.HasPrefix(key, manifest.ManifestPrefix) && !l.told {
		l.told = true
		return storage.PutResult{Proved: true}, nil
	}
	return l.Memory.Put(ctx, key, body, o)
}

// If the store lies about the keep, nothing is deleted.
func TestExpireWhoseKeepIsLost(t *testing.T) {
	t.Parallel()
	_, withKeep := grown(t)
	m, without := newModel(t), storagetest.NewMemory()
	chains(t, m, without, 3, 2)
	for code, store := range map[archiver.Code]*storagetest.Memory{archiver.CodeUnknownOutcome: withKeep, archiver.CodeDamagedArchive: without} {
		before := look(t, store.Objects())
		o := archiver.ExpireOptions{Rules: &archiver.Rules{Last: 2}, Apply: true, Grace: archiver.NoGrace, CommitTimeout: time.Second}
		_, err := newArchive(&lying{Memory: store}).Expire(t.Context(), o)
		mustFail(t, err, code)
		after := look(t, store.Objects())
		after.mustHaveAll(t, "afterwards", before.all)
		if !slices.Equal(before.backups(), after.backups()) {
			t.Errorf("the backups are %v", after.backups())
		}
		mustHeal(t, "afterwards", store, archiver.Rules{Last: 2})
	}
}
