package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// examined is what was seen of one S3 server: a file in testdata/stores, and a column of
// the tables in docs/stores.md.
type examined struct {
	Title   string `json:"title"`
	Version string `json:"version"`
	Source  string `json:"source"`            // where scripts/stores/NAME.sh has it from
	Options string `json:"options,omitempty"` // that its address needs

	Conditions string            `json:"conditions"`          // the verdict of doctor, "" if it has none
	Doctor     int               `json:"doctor"`              // its exit code
	Backup     int               `json:"backup"`              // exit code of a first backup
	Fails      []string          `json:"fails"`               // subtests of the conformance suite, without those of Sometimes
	Sometimes  []string          `json:"sometimes,omitempty"` // subtests that fail in some runs, as scripts/stores/NAME.sh says
	Keeps      map[string]string `json:"keeps"`               // what came of each of guarantees, by its name
}

// isSafe reports whether backups are stored there.
func (e examined) isSafe() bool { return e.Doctor == exitOK }

// examinedStore is a server that is being examined.
type examinedStore struct {
	endpoint, options, bucket string
	second                    string // endpoint of another process in front of the same data, "" if there is none
	client                    *awss3.Client
	refused                   bool // as doctor says
}

// Set by scripts/stores-test.sh. Without them the server is the MinIO that all tests have.
const (
	storeName   = "GBAK_STORE"         // of scripts/stores/NAME.sh
	storeFacts  = "GBAK_STORE_FACTS"   // title, version, source, options and what fails sometimes, a line each
	storeSecond = "GBAK_STORE_SECOND"  // endpoint of a second process in front of the same data
	storeUpdate = "GBAK_STORES_UPDATE" // 1: write what is seen into testdata/stores and docs/stores.md
	suiteAt     = "GBAK_STORE_SUITE"   // in a process that only runs the conformance suite: its address
)

// TestStore examines an S3 server: what doctor says, what the conformance suite says, what
// the server keeps of all that an archive may need, and whether the real command can store,
// restore and expire backups there, or refuses to. It fails if docs/stores.md says otherwise.
func TestStore(t *testing.T) {
	t.Parallel()
	endpoint := os.Getenv("GBAK_TEST_S3_ENDPOINT")
	if endpoint == "" {
		missing(t, "GBAK_TEST_S3_ENDPOINT is not set")
	}
	needGrafeo(t)
	name := os.Getenv(storeName)
	if name == "" {
		name = "minio"
	}
	before, known := readExamined(t, name)
	seen := examined{Title: before.Title, Version: before.Version, Source: before.Source, Options: before.Options, Sometimes: before.Sometimes}
	if facts := os.Getenv(storeFacts); facts != "" {
		lines := strings.Split(facts, "\n")
		seen.Title, seen.Version, seen.Source, seen.Options = lines[0], lines[1], lines[2], lines[3]
		seen.Sometimes = strings.Fields(lines[4])
	}
	at := newExaminedStore(t, endpoint, seen.Options)
	doctor := gbak(t, "doctor", at.address("doctor"), "--json")
	t.Logf("doctor: exit code %d\n%s%s", doctor.code, doctor.stdout, doctor.stderr)
	seen.Doctor, seen.Conditions = doctor.code, doctor.one(t, "doctor").Conditions
	at.refused = !seen.isSafe()
	seen.Fails = slices.DeleteFunc(at.conformance(t), func(name string) bool { return slices.Contains(seen.Sometimes, name) })
	seen.Keeps = map[string]string{}
	for _, g := range guarantees {
		begin := time.Now()
		value, err := g.examine(t, at)
		t.Logf("%s: %s, in %s: %v", g.name, value, time.Since(begin).Round(time.Millisecond), err)
		seen.Keeps[g.name] = value
	}
	seen.Backup = at.firstBackup(t, seen.isSafe(), seen.Conditions)
	t.Logf("%s", encodeExamined(t, seen))
	if os.Getenv(storeUpdate) == "1" {
		writeExamined(t, name, seen)
		return
	}
	if !known {
		t.Fatalf("testdata/stores/%s.json is missing: run scripts/stores-test.sh --update %s", name, name)
	}
	if !seen.isSafe() && !before.isSafe() { // what else fails may depend on who comes first, and how fast
		seen.Fails, seen.Keeps = before.Fails, before.Keeps
	}
	if diff := cmp.Diff(before, seen, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s is not what docs/stores.md says (-said +seen):\n%s", name, diff)
	}
}

// newExaminedStore makes a bucket, which is removed at the end as far as the server does that.
func newExaminedStore(t *testing.T, endpoint, options string) *examinedStore {
	t.Helper()
	at := &examinedStore{endpoint: endpoint, options: options, second: os.Getenv(storeSecond)}
	at.client = s3test.NewOwner(t, "s3://any?"+url.Values{"endpoint": {endpoint}}.Encode()).Client()
	var err error
	if at.bucket, err = at.newBucket(t, &awss3.CreateBucketInput{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		store, err := at.open(ctx, "s3://"+at.bucket+"?"+at.query())
		if err != nil {
			t.Error(err)
			return
		}
		for info, err := range store.List(ctx, "", "") {
			if err != nil || store.Delete(ctx, info.Key) != nil {
				break
			}
		}
		if _, err = at.client.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: &at.bucket}); err != nil {
			t.Logf("the bucket stays: %v", err)
		}
	})
	return at
}

func (at *examinedStore) newBucket(t *testing.T, input *awss3.CreateBucketInput) (name string, err error) {
	input.Bucket = aws.String("gbak-store-" + strings.ToLower(rand.Text()))
	_, err = at.client.CreateBucket(t.Context(), input)
	return *input.Bucket, err
}

func (at *examinedStore) query() string {
	query := url.Values{"endpoint": {at.endpoint}}.Encode()
	if at.options != "" {
		query += "&" + at.options
	}
	return query
}

// address returns that of an archive in the bucket.
func (at *examinedStore) address(prefix string) string {
	return "s3://" + at.bucket + "/" + prefix + "?" + at.query()
}

func (at *examinedStore) open(ctx context.Context, address string) (*s3.Store, error) {
	opts, err := s3.ParseAddress(address)
	if err != nil {
		return nil, err
	}
	opts.Timeouts.Total = 30 * time.Second // a server that breaks is not waited for
	return s3.Open(ctx, opts)
}

// store opens the store at an address.
func (at *examinedStore) store(t testing.TB, address string) *s3.Store {
	t.Helper()
	s, err := at.open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// conformance runs the conformance suite in a process of its own, since some servers fail
// it, and returns the subtests that failed.
func (at *examinedStore) conformance(t *testing.T) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestStoreSuite$", "-test.v", "-test.timeout=20m")
	cmd.Env = append(os.Environ(), suiteAt+"="+at.address("suite"))
	out, err := cmd.CombinedOutput()
	fails := []string{}
	failed := regexp.MustCompile(`(?m)^ *--- FAIL: TestStoreSuite/(\S+)`)
	for _, m := range failed.FindAllStringSubmatch(string(out), -1) {
		fails = append(fails, m[1])
	}
	// Of a subtest and those below it, only the last.
	fails = slices.DeleteFunc(fails, func(name string) bool {
		return slices.ContainsFunc(fails, func(other string) bool { return strings.HasPrefix(other, name+"/") })
	})
	slices.Sort(fails)
	passed := regexp.MustCompile(`(?m)^ *--- PASS: TestStoreSuite/`).FindAll(out, -1)
	if (err != nil) != (len(fails) > 0) || len(fails)+len(passed) < 60 {
		t.Errorf("the conformance suite ended with %v, %d passed and %d failed:\n%s", err, len(passed), len(fails), out)
	}
	if len(fails) > 0 {
		t.Logf("the conformance suite:\n%s", out)
	}
	return fails
}

// TestStoreSuite is the process of conformance. In others it runs the suite on the storage
// in memory, which says that the suite itself is whole.
func TestStoreSuite(t *testing.T) {
	address := os.Getenv(suiteAt)
	n := 0
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		if address == "" {
			return storagetest.NewMemory()
		}
		n++
		at := new(examinedStore)
		return at.store(t, strings.Replace(address, "/suite?", fmt.Sprintf("/suite-%d?", n), 1))
	})
}

// firstBackup takes a first backup and returns its exit code. Where it is refused, that
// must come before anything is stored, and with a way on.
func (at *examinedStore) firstBackup(t *testing.T, safe bool, conditions string) int {
	t.Helper()
	path := closedImage(t)
	r := gbak(t, "backup", path, at.address("first"), "--json")
	if r.code == exitOK {
		return r.code
	}
	said := r.failure(t)
	t.Logf("backup: %s: %s %s", said.Code, said.Message, said.Hint)
	if safe || conditions != "" && r.code != exitUnsafeStore {
		t.Errorf("a first backup ends with exit code %d: %s", r.code, r.stderr)
	}
	var left []string
	for info, err := range at.store(t, at.address("first")).List(t.Context(), "", "") {
		if err != nil {
			t.Error(err)
			break
		}
		left = append(left, info.Key)
	}
	if beside := names(t, filepath.Dir(path)); len(left) > 0 || len(beside) != 1 {
		t.Errorf("a refused backup leaves %v, and %v beside the database", left, beside)
	}
	return r.code
}

// storesFolder has what was seen of each server.
var storesFolder = filepath.Join("testdata", "stores")

func readExamined(t *testing.T, name string) (e examined, known bool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(storesFolder, name+".json"))
	if os.IsNotExist(err) {
		return e, false
	}
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return e, true
}

func encodeExamined(t *testing.T, e examined) []byte {
	t.Helper()
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func writeExamined(t *testing.T, name string, e examined) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(storesFolder, name+".json"), encodeExamined(t, e), 0o644); err != nil {
		t.Fatal(err)
	}
}

// allExamined returns what was seen of all servers, by name.
func allExamined(t *testing.T) map[string]examined {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(storesFolder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]examined{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		all[name], _ = readExamined(t, name)
	}
	return all
}

// inOrder returns the names of servers: those that are safe first.
func inOrder(all map[string]examined) []string {
	return slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		if x, y := all[a].isSafe(), all[b].isSafe(); x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
}
