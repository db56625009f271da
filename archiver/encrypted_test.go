package archiver_test

import (
	"context"
	"os"
	"sync"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// encryptedMode is the environment variable with which all archives of the tests are
// encrypted: see TestEncrypted.
const encryptedMode = "GBAK_TEST_ENCRYPTED"

var isEncrypted = os.Getenv(encryptedMode) != ""

// keys are those of all archives of the tests, if these are encrypted.
var keys = sync.OnceValue(func() (k archiver.Keys) {
	if !isEncrypted {
		return k
	}
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
		OnFirst:    func(*archiver.WriterKey, []byte) error { return nil },
	}
})

// newWith is [archiver.New], with keys if the archives of the tests are encrypted.
func newWith(store storage.Storage, o archiver.Options) *archiver.Archive {
	o.Keys = keys()
	return archiver.New(store, o)
}
