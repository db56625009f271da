package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// Who has everything that the backup host has, and more, cannot take away a backup from a
// bucket that locks objects, on MinIO in COMPLIANCE mode: whatever he does, all of them are
// restored.
func TestAttackOnALockedBucket(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		newBucket func(testing.TB) string
		encrypted bool
	}{
		"compliance": {s3test.NewCompliantBucket, false}, "governance": {s3test.NewLockedBucket, false},
		"encrypted": {s3test.NewCompliantBucket, true},
	} {
		t.Run(name, func(t *testing.T) {
			at := inBucket(t, c.newBucket(t))
			var recipient, identity []string
			if c.encrypted {
				id := newIdentity(t)
				recipient, identity = []string{"-r", id.recipient}, []string{"-i", id.file}
			}
			_, byEpoch := retainedHistory(t, at, recipient...)
			mustBeWrittenOnce(t, at)
			var goals []goal
			end := newestEpoch(t, at)
			for epoch, g := range byEpoch {
				if epoch <= end {
					g.args = slices.Concat(g.args, identity)
					goals = append(goals, g)
				}
			}
			if c.encrypted {
				goals = goals[:6] // any
			}
			safe := timeOf(t, at)
			for timeOf(t, at).Sub(safe) < 2*time.Second { // the store's time is in seconds
				time.Sleep(100 * time.Millisecond)
			}
			last, document := at.newest(t)
			host := mode(t, at, "append-only")
			if n := s3test.Attack(t, host, at.address(), rubbish(last+2)); n < 50 {
				t.Errorf("only %d of the attacker's requests were obeyed", n)
			}
			if r := gbak(t, "verify", at.address()); r.code == exitOK {
				t.Fatal("after the attack, the archive looks whole")
			}
			oldest := bucket{at.at + "&versions=oldest", at.store}
			restoreAll := func(from bucket) {
				t.Helper()
				reach(t, "0.6.0", from, goals)
				args := append([]string{"verify", from.address(), "--deep", "--json"}, identity...)
				if v := must(t, args...).one(t, "verify"); !v.OK {
					t.Errorf("%+v", v)
				}
			}
			if name == "governance" {
				// MinIO lets everybody end such a lock, and replace the bytes of a version that has one:
				// docs/lock.md says so.
				if r := gbak(t, "verify", "--deep", oldest.address()); r.code == exitOK {
					t.Error("the oldest versions are whole")
				}
				return
			}
			restoreAll(oldest)
			reader := mode(t, at, "restore")
			as(t, reader, append([]string{"restore", oldest.address(), filepath.Join(t.TempDir(), "db.grafeo")}, identity...)...).want(t, exitOK)
			r := gbak(t, "backup", create(t, "0.6.0", "--nodes", "1").path, oldest.address()).want(t, exitUsage)
			if !strings.Contains(r.stderr, "versions=oldest") {
				t.Errorf("%s", r.stderr)
			}

			// Somebody who may do everything.
			const broad = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`
			thief := s3test.NewUser(t, at.address(), broad)
			goals = goals[:4]
			if c.encrypted {
				s3test.Attack(t, thief, at.address(), rubbish(last+1))
				restoreAll(oldest)
				return
			}
			// He adds a record that looks right, and says that half of the backups were removed.
			garbage := rubbish(last + 2)
			garbage[(last + 1).Key()] = forgedKeep(t, document)
			s3test.Attack(t, thief, at.address(), garbage)
			if r := gbak(t, "restore", oldest.address(), t.TempDir()+"/db.grafeo", "--backup", "1"); r.code != exitNoArchive {
				t.Errorf("the forged record does not count: exit code %d\n%s", r.code, r.stderr)
			}
			s3test.LockAgain(t, at.address()) // he has ended the bucket's default retention
			restoreAll(bucket{oldest.at + "&before=" + safe.Add(time.Second).Format(time.RFC3339), at.store})
		})
	}
}

// mustBeWrittenOnce fails the test if a key of the archive has two versions.
func mustBeWrittenOnce(t *testing.T, at bucket) {
	t.Helper()
	seen := map[string]bool{}
	versions, _ := at.versions(t)
	for i := range versions {
		key := *versions[i].Key
		if seen[key] && !strings.Contains(key, "/"+manifest.ProbePrefix) {
			t.Errorf("%s was written twice", key)
		}
		seen[key] = true
	}
}

// newestEpoch is the newest epoch of an archive.
func newestEpoch(t testing.TB, at bucket) int64 {
	t.Helper()
	var last int64
	for _, a := range must(t, "list", at.address(), "--json").answers(t) {
		last = max(last, a.EndEpoch)
	}
	return last
}

// newest is the number of the newest record, and its manifest.
func (b bucket) newest(t testing.TB) (manifest.Seq, []byte) {
	t.Helper()
	keys := slices.DeleteFunc(b.keys(t), func(key string) bool { return !strings.HasPrefix(key, manifest.ManifestPrefix) })
	key := keys[len(keys)-1]
	seq, ok := manifest.ParseKey(key)
	if !ok {
		t.Fatal(key)
	}
	return seq, b.read(t, key)
}

// timeOf returns the time by the clock of the store.
func timeOf(t testing.TB, at bucket) time.Time {
	t.Helper()
	now, err := storage.Now(t.Context(), at.store)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// rubbish is what an attacker puts under keys that are not used yet: manifests from a number
// on, more than a reader would pass over, another archive's document, and more.
func rubbish(from manifest.Seq) map[string][]byte {
	objects := map[string][]byte{
		manifest.ArchiveKey:       (&manifest.Archive{ArchiveID: manifest.NewID(), CreatedAt: manifest.Now(), Tool: "evil"}).Encode(),
		"segments/evil":           []byte("evil"),
		"fences/0000000001.json":  []byte("evil"),
		"manifests/evil":          []byte("evil"),
		manifest.Seq(999).Key():   []byte(`{"type":"manifest","format":99}` + "\n"),
		manifest.MaxSeq.Key():     nil,
		"indexes/x/evil.json.zst": nil,
	}
	for i := range manifest.Seq(40) {
		objects[(from + i).Key()] = fmt.Appendf(nil, "evil %d", i)
	}
	return objects
}

// forgedKeep is a keep after the record with this manifest, which removes what is older than
// the newest full backup.
func forgedKeep(t testing.TB, document []byte) []byte {
	t.Helper()
	decoded, err := manifest.DecodeManifest(document)
	if err != nil {
		t.Fatal(err)
	}
	last := &manifest.Committed{Manifest: decoded, Digest: manifest.Sum(document)}
	m := &manifest.Manifest{
		Seq: last.Seq + 1, CommitID: manifest.NewID(), Previous: &last.Digest, ArchiveID: last.ArchiveID,
		CreatedAt: manifest.Now(), ReadUntil: manifest.Now(), Kind: manifest.Keep, Database: last.Database,
		Timelines: last.Timelines, LastFull: last.NewestFull(), LastBackup: &last.Seq,
		Keeping: &manifest.Keeping{First: last.Seq + 1, Alive: manifest.Ranges{{*last.NewestFull(), last.Seq}}},
	}
	return m.Encode()
}
