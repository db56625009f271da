package archiver_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// encryptedMode is the environment variable with which all archives of the tests are
// encrypted: see TestEncrypted.
const encryptedMode = "GBAK_TEST_ENCRYPTED"

var isEncrypted = os.Getenv(encryptedMode) != ""

// keeper is who opens all archives of the tests, if these are encrypted.
var keeper = sync.OnceValue(func() (k archiver.Keys) {
	secret, recipient, err := archiver.NewIdentity(false)
	if err != nil {
		panic(err)
	}
	identities, err := archiver.ParseIdentities([]byte(secret), nil)
	if err != nil {
		panic(err)
	}
	return archiver.Keys{
		Recipients: []archiver.Recipient{recipient},
		Identities: func(context.Context) ([]archiver.Identity, error) { return identities, nil },
	}
})

// newWith is [archiver.New], with keys if the archives of the tests are encrypted.
func newWith(store storage.Storage, o archiver.Options) *archiver.Archive {
	if isEncrypted {
		o.Keys = keeper()
		o.Keys.OnFirst = func(_ *archiver.WriterKey, document []byte) error { return made.add(document, o.State) }
		o.Keys.Begun = func() ([]byte, error) { return made.begun(o.State), nil }
	}
	return archiver.New(store, o)
}

// hostWith is newWith for a host that has a state folder with all that it needs, if the
// archives of the tests are encrypted.
func hostWith(store storage.Storage, o archiver.Options, state string) *archiver.Archive {
	if isEncrypted {
		o.Keys, o.State = keeper(), state
	}
	return archiver.New(store, o)
}

// encryptedToo are the tests that run a second time, in a process in which all archives are
// encrypted. The others forge documents, or show what encryption does not change.
var encryptedToo = []string{
	"TestRestoreReturnsWhatWasBackedUp", "TestEpochsOfVectors", "TestManyStripes", "TestEveryEpochOfRandomHistories", "TestForks",
	"TestInterruptedBackupContinues", "TestDatabaseChangesWhileItIsRead", "TestSegmentsOfWhatDoesNotCompress",
	"TestBackupStopsAnywhere", "TestBackupIsKilledAnywhere", "TestBackupLosesPowerAnywhere", "TestLosingTheRace", "TestHistoriesOfCommitters",
	"TestBackupsAreAsPlanned", "TestBackupsOfAllKindsAreAsPlanned", "TestLargeBackupsAreAsPlanned", "TestRestoresAreAsPlanned",
	"TestInlineUpToItsLimit", "TestManyCommitsAreNotInline", "TestInlineAfterAConflict",
	"TestFullBackupsShareWhatIsTheSame", "TestSecondFullStoresWhatChanged", "TestSharedWithADamagedArchive", "TestHoles", "TestBackupOf05AfterKeeps",
	"TestSession", "TestSessionOutlivesClose", "TestFullBackupBesideIncrements", "TestPrepareOfAll", "TestTwoSessionsShareAnArchive", "TestRequestsOfASession",
	"TestExpire", "TestRemovalsStopAnywhere", "TestHistoriesOfRemovals", "TestReadersBesideRemovals", "TestSharedBesideRemovals", "TestSleepers",
	"TestRestoreBesideRemovals", "TestExportBesideRemovals",
	"TestCompact", "TestCompactAgain", "TestCompactStopsAnywhere", "TestCompactRandomHistories", "TestCompact05",
	"TestImportVectors", "TestImportRestoresEveryEpoch", "TestImportStopsAnywhere", "TestImportOfAnotherHistory",
	"TestExportOfRuns", "TestExportStopsAnywhere", "TestExportOfRandomHistories",
	"TestRestoreContinues", "TestRestoreContinuesAfterACrashAnywhere", "TestRestoreStopsAnywhere",
	"TestDrill", "TestDrillBesideRemovals", "TestPinsOutliveCompaction", "TestAttest",
	"TestVerifyStopsAnywhere", "TestVerifyAfterRemovals", "TestUnusedSegments", "TestRot", "TestArchivesShareMemory",
}

// Everything works with encryption that works without. The second time is a short one.
func TestEncrypted(t *testing.T) {
	if isEncrypted {
		return // this is the second time
	}
	args := []string{"-test.run=^(" + strings.Join(encryptedToo, "|") + ")$", "-test.count=1", "-test.short"}
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(os.Environ(), encryptedMode+"=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// objectsOf returns what the rooms know of a store.
func objectsOf(store storage.Storage) *objects.Store {
	s := &objects.Store{Storage: store, Patience: time.Second, Log: slog.New(slog.DiscardHandler)}
	if isEncrypted {
		s.Ring = seal.NewRing(keeper())
		s.Ring.LoadListsBy(s.LoadKeys)
	}
	return s
}

// made are the encrypted archives that tests have made.
var made = archives{hosts: map[string][]byte{}}

type archives struct {
	mu    sync.Mutex
	all   []*objects.Store  // without a store: they only have the keys
	hosts map[string][]byte // archive.json of the last one, by state folder
}

// begun returns archive.json of the last archive that the host with a state folder has made.
func (a *archives) begun(state string) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hosts[state]
}

// add adds an archive with this archive.json, made by the host with this state folder, "" for
// none.
func (a *archives) add(document []byte, state string) error {
	s := objectsOf(nil)
	if _, err := s.OpenDocument(context.Background(), manifest.ArchiveKey, document); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, s)
	if state != "" {
		a.hosts[state] = document
	}
	return nil
}

// of returns the archive with this id, the newest one if it is "".
func (a *archives) of(id string) *objects.Store {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range slices.Backward(a.all) {
		if id == "" || s.Ring.ArchiveID() == id {
			return s
		}
	}
	return nil
}

// decrypted returns a document as it is without encryption.
func decrypted(stored []byte) ([]byte, error) {
	m, err := manifest.DecodeSealedManifest(stored)
	if !isEncrypted || err != nil {
		return stored, nil //nolint:nilerr // then it is no encrypted one
	}
	s := made.of(m.ArchiveID)
	if s == nil {
		return nil, errors.New("the archive was not made by a test")
	}
	d, err := s.OpenDocument(context.Background(), m.Seq.Key(), stored)
	return d.Bytes, err
}

// decodeManifest is [manifest.DecodeManifest], also of an encrypted one.
func decodeManifest(stored []byte) (*manifest.Manifest, error) {
	b, err := decrypted(stored)
	if err != nil {
		return nil, err
	}
	return manifest.DecodeManifest(b)
}

// decodeArchive is [manifest.DecodeArchive], also of an encrypted one.
func decodeArchive(stored []byte) (*manifest.Archive, error) {
	if isEncrypted {
		d, err := objectsOf(nil).OpenDocument(context.Background(), manifest.ArchiveKey, stored)
		if err != nil {
			return nil, err
		}
		stored = d.Bytes
	}
	return manifest.DecodeArchive(stored)
}

// indexAt returns the index object of a record.
func indexAt(t testing.TB, all map[string][]byte, m *manifest.Manifest) *manifest.Index {
	t.Helper()
	packed := all[m.Index.Key]
	if isEncrypted {
		var err error
		if packed, err = made.of(m.ArchiveID).Ring.OpenCatalog(t.Context(), packed); err != nil {
			t.Fatal(err)
		}
	}
	ix, err := manifest.DecodeIndex(unpacked(t, packed))
	if err != nil {
		t.Fatal(err)
	}
	return ix
}
