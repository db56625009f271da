package archiver

import (
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
)

// NewIdentityFile returns the text of a new age identity file, as age-keygen makes it, and the
// recipient that belongs to it, which is public. With postQuantum, the identity is a hybrid
// one, which also withstands quantum computers; age knows those from version 1.3 on.
//
// The text is a secret. Nothing else of it is kept.
func NewIdentityFile(postQuantum bool) (file []byte, recipient string, err error) {
	secret, to, err := seal.NewIdentity(postQuantum)
	if err != nil {
		return nil, "", explain(err)
	}
	file = fmt.Appendf(nil, "# created: %s\n# public key: %s\n%s\n", time.Now().Format(time.RFC3339), to, secret)
	return file, to.String(), nil
}
