package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// TestMain is also the other processes of TestRaceOfProcesses.
func TestMain(m *testing.M) {
	if address := os.Getenv(raceAddress); address != "" {
		if err := race(address, os.Getenv(raceName)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// openAddress opens a store that ends with t.
func openAddress(t *testing.T, address string) *Store {
	t.Helper()
	o, err := ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return openOptions(t, o)
}

func openOptions(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.CloseIdleConnections)
	return s
}

// withPrefix adds a prefix to the address of a bucket.
func withPrefix(address, prefix string) string {
	return strings.Replace(address, "?", "/"+prefix+"?", 1)
}

func put(t *testing.T, s *Store, key, data string) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, strings.NewReader(data), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func create(ctx context.Context, s *Store, key, data string) error {
	_, err := s.Put(ctx, key, strings.NewReader(data), storage.PutOptions{IfAbsent: true})
	return err
}

func list(t *testing.T, s *Store, prefix, after string) []string {
	t.Helper()
	var keys []string
	for info, err := range s.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

func TestConformance(t *testing.T) {
	t.Parallel() // most of the time it waits for the store
	storagetest.Run(t, func(t *testing.T) storage.Storage { return openAddress(t, s3test.NewBucket(t)) })
}

// Objects beside the prefix must not be seen.
func TestConformanceWithPrefix(t *testing.T) {
	t.Parallel() // most of the time it waits for the store
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		bucket := s3test.NewBucket(t)
		root := openAddress(t, bucket)
		for _, key := range []string{"db", "db-a/key", "db0", "key"} {
			put(t, root, key, "not ours")
		}
		return openAddress(t, withPrefix(bucket, "Backups/of%20it/db/x"))
	})
}

func TestBehavesLikeMemory(t *testing.T) {
	t.Parallel() // most of the time it waits for the store
	bucket := s3test.NewBucket(t)
	n := 0
	storagetest.RunModel(t, func(t *testing.T) storage.Storage {
		n++
		s := openAddress(t, withPrefix(bucket, fmt.Sprintf("check-%d", n)))
		s.options.pageSize = 3
		return s
	})
}

func TestListReadsAllPages(t *testing.T) {
	s := openAddress(t, withPrefix(s3test.NewBucket(t), "prefix"))
	s.options.pageSize = 2
	var want []string
	for i := range 9 {
		want = append(want, fmt.Sprintf("m/%d", i))
		put(t, s, want[i], "data")
	}
	if got := list(t, s, "m/", "m/1"); !slices.Equal(got, want[2:]) {
		t.Errorf("got %q, want %q", got, want[2:])
	}
	var requests storage.Requests
	for info := range s.List(storage.CountRequests(t.Context(), &requests), "", "") {
		if info.Key == want[2] {
			break
		}
	}
	if n := requests.Counts().List; n != 2 {
		t.Errorf("%d pages were read for three objects, want 2", n)
	}
}

func TestForeignObjectsAreIgnored(t *testing.T) {
	bucket := s3test.NewBucket(t)
	s := openAddress(t, bucket)
	put(t, openAddress(t, withPrefix(bucket, "%C3%BC")), "key", "data")
	put(t, openAddress(t, withPrefix(bucket, "with%20space/%26%3C%3E%22")), "key", "data")
	put(t, s, "ours", "data")
	if got := list(t, s, "", ""); !slices.Equal(got, []string{"ours"}) {
		t.Errorf("got %q", got)
	}
}

func TestMissingBucketIsErrNoStore(t *testing.T) {
	u, err := url.Parse(s3test.NewBucket(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Host += "-missing"
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			err := call(t.Context(), openAddress(t, u.String()))
			if !errors.Is(err, storage.ErrNoStore) || errors.Is(err, storage.ErrNotExist) {
				t.Errorf("got %v, want %v", err, storage.ErrNoStore)
			}
		})
	}
}

// calls has each operation on "key".
var calls = map[string]func(ctx context.Context, s *Store) error{
	"put": func(ctx context.Context, s *Store) error {
		_, err := s.Put(ctx, "key", strings.NewReader("data"), storage.PutOptions{})
		return err
	},
	"create": func(ctx context.Context, s *Store) error { return create(ctx, s, "key", "data") },
	"get": func(ctx context.Context, s *Store) error {
		body, _, err := s.Get(ctx, "key", storage.Range{})
		if err == nil {
			err = body.Close()
		}
		return err
	},
	"head": func(ctx context.Context, s *Store) error {
		_, err := s.Head(ctx, "key")
		return err
	},
	"list": func(ctx context.Context, s *Store) error {
		for _, err := range s.List(ctx, "", "") {
			if err != nil {
				return err
			}
		}
		return nil
	},
	"delete": func(ctx context.Context, s *Store) error { return s.Delete(ctx, "key") },
}

func TestWrongCredentialsAreErrPermission(t *testing.T) {
	address := s3test.NewBucket(t)
	for name, env := range map[string][2]string{
		"unknown key":  {"AKIAIOSFODNN7EXAMPLE", "secret-that-must-not-show"},
		"wrong secret": {os.Getenv("AWS_ACCESS_KEY_ID"), "secret-that-must-not-show"},
	} {
		for op, call := range calls {
			t.Run(name+" "+op, func(t *testing.T) {
				t.Setenv("AWS_ACCESS_KEY_ID", env[0])
				t.Setenv("AWS_SECRET_ACCESS_KEY", env[1])
				err := call(t.Context(), openAddress(t, address))
				if !errors.Is(err, storage.ErrPermission) {
					t.Errorf("got %v, want %v", err, storage.ErrPermission)
				}
				if strings.Contains(fmt.Sprint(err), "must-not-show") {
					t.Errorf("the secret is in %v", err)
				}
			})
		}
	}
}

// With checksums on, the store keeps the digest and Head returns it. The store refuses
// a digest that is not that of the body in every mode.
func TestChecksumsOnARealStore(t *testing.T) {
	address := s3test.NewBucket(t)
	sum := sha256.Sum256([]byte("data"))
	for mode, want := range map[Checksum]*[32]byte{ChecksumSHA256: &sum, ChecksumAuto: nil, ChecksumNone: nil} {
		t.Run(string(mode), func(t *testing.T) {
			s := openAddress(t, withPrefix(address, string(mode))+"&checksum="+string(mode))
			put(t, s, "key", "data")
			info, err := s.Head(t.Context(), "key")
			if err != nil {
				t.Fatal(err)
			}
			if (info.SHA256 == nil) != (want == nil) || want != nil && *info.SHA256 != *want {
				t.Errorf("got SHA-256 %x, want %x", info.SHA256, want)
			}
			_, err = s.Put(t.Context(), "wrong", strings.NewReader("other data"), storage.PutOptions{SHA256: &sum})
			if err == nil {
				t.Error("a wrong digest was accepted")
			}
		})
	}
}

const (
	raceAddress = "GBAK_S3_TEST_ADDRESS"
	raceName    = "GBAK_S3_TEST_NAME" // the content of the process's objects
	raceKeys    = 40
)

// race creates all keys and prints those that it won.
func race(address, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	o, err := ParseAddress(address)
	if err != nil {
		return err
	}
	s, err := Open(ctx, o)
	if err != nil {
		return err
	}
	for {
		if _, err := s.Head(ctx, "start"); err == nil {
			break
		} else if !errors.Is(err, storage.ErrNotExist) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	for i := range raceKeys {
		key := fmt.Sprintf("race/%03d", i)
		if err := create(ctx, s, key, name); err == nil {
			fmt.Println(key)
		} else if !errors.Is(err, storage.ErrPreconditionFailed) {
			return err
		}
	}
	return nil
}

func TestRaceOfProcesses(t *testing.T) {
	t.Parallel() // most of the time it waits for the store
	address := s3test.NewBucket(t)
	var cmds [5]*exec.Cmd
	var outs [5]bytes.Buffer
	for i := range cmds {
		cmds[i] = exec.Command(os.Args[0])
		cmds[i].Env = append(os.Environ(), raceAddress+"="+address, raceName+"="+fmt.Sprint(i))
		cmds[i].Stdout, cmds[i].Stderr = &outs[i], os.Stderr
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	s := openAddress(t, address)
	put(t, s, "start", "")
	winners := map[string]string{}
	for i := range cmds {
		if err := cmds[i].Wait(); err != nil {
			t.Fatal(err)
		}
		for _, key := range strings.Fields(outs[i].String()) {
			if other, ok := winners[key]; ok {
				t.Errorf("%s: processes %s and %d both created it", key, other, i)
			}
			winners[key] = fmt.Sprint(i)
		}
	}
	for i := range raceKeys {
		key := fmt.Sprintf("race/%03d", i)
		if got := read(t, s, key); got != winners[key] {
			t.Errorf("%s has the content of process %q, created it has %q", key, got, winners[key])
		}
	}
}
