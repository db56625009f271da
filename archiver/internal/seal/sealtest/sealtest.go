// Package sealtest makes rings for tests of other packages.
package sealtest

import (
	"context"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
)

// Rings returns the ring of an archive that is not encrypted and that of one that is, by what
// to call their tests.
func Rings(t testing.TB) map[string]*seal.Ring {
	t.Helper()
	return map[string]*seal.Ring{"plain": nil, "encrypted": Ring(t)}
}

// Ring returns the ring of a new encrypted archive, with everything that opens it.
func Ring(t testing.TB) *seal.Ring {
	t.Helper()
	secret, recipient, err := seal.NewIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	identities, err := seal.ParseIdentities([]byte(secret), nil)
	if err != nil {
		t.Fatal(err)
	}
	return begin(t, seal.Given{
		Recipients: []seal.Recipient{recipient},
		Identities: func(context.Context) ([]seal.Identity, error) { return identities, nil },
	})
}

// Writer returns the ring of a new encrypted archive that opens no data.
func Writer(t testing.TB) *seal.Ring {
	t.Helper()
	_, recipient, err := seal.NewIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	return begin(t, seal.Given{Recipients: []seal.Recipient{recipient}})
}

func begin(t testing.TB, given seal.Given) *seal.Ring {
	t.Helper()
	ring := seal.NewRing(given)
	if _, err := ring.Begin("00112233445566778899aabbccddeeff"); err != nil {
		t.Fatal(err)
	}
	return ring
}
