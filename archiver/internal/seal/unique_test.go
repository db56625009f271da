package seal

import (
	"bytes"
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// TestNothingIsUsedTwice encrypts 100,000 objects, from many goroutines and with few
// contents: no ephemeral share, no wrapped file key, no header's MAC and no nonce comes back.
func TestNothingIsUsedTwice(t *testing.T) {
	t.Parallel()
	objects := 100_000
	if testing.Short() {
		objects = 10_000
	}
	person := newPerson(t, false)
	r := NewRing(Given{Recipients: []Recipient{person.recipient}})
	if _, err := r.Begin(archiveID); err != nil {
		t.Fatal(err)
	}
	workers := runtime.GOMAXPROCS(0) + 1
	parts := make(chan [4]string, workers)
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			for n := w; n < objects; n += workers {
				how := r.SealCatalog
				if n%2 == 0 {
					how = func(_ context.Context, plain []byte) ([]byte, error) { return r.SealData(nil, plain) }
				}
				sealed, err := how(t.Context(), []byte("the same thing"))
				if err != nil {
					t.Error(err)
					return
				}
				parts <- partsOf(t, sealed)
			}
		})
	}
	go func() { running.Wait(); close(parts) }()
	names := [4]string{"ephemeral share", "wrapped file key", "MAC of a header", "nonce"}
	used := [4]map[string]bool{{}, {}, {}, {}}
	count := 0
	for p := range parts {
		for i, part := range p {
			if used[i][part] {
				t.Fatalf("object %d has the %s of an earlier one", count, names[i])
			}
			used[i][part] = true
		}
		count++
	}
	if count != objects {
		t.Errorf("there were %d objects", count)
	}
}

// partsOf takes an age file for one X25519 recipient apart.
func partsOf(t *testing.T, sealed []byte) [4]string {
	header, payload, ok := bytes.Cut(sealed, []byte("\n--- "))
	lines := strings.Split(string(header), "\n")
	mac, payload, isWhole := bytes.Cut(payload, []byte("\n"))
	share, isX25519 := "", false
	if len(lines) == 3 {
		share, isX25519 = strings.CutPrefix(lines[1], "-> X25519 ")
	}
	if !ok || !isWhole || !isX25519 || lines[0] != "age-encryption.org/v1" || len(share) != 43 || len(lines[2]) != 43 || len(mac) != 43 || len(payload) < 16+16 {
		t.Errorf("this is no age file for one key: %q", sealed)
	}
	return [4]string{share, lines[2], string(mac), string(payload[:16])}
}
