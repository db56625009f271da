package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

func keysNewCommand(a *app) *cobra.Command {
	var file string
	var hybrid bool
	cmd := &cobra.Command{
		Use:   "new [-o FILE] [--pq]",
		Short: "Make an identity, as age-keygen does",
		Long: `new makes an identity, which is a secret, and its public key. A backup is encrypted for
the public key (the recipient), and the identity opens it. They are ordinary keys of age
(age-encryption.org); those of age-keygen work as well.

The identity goes to FILE, which must not exist yet and only its owner may read, or to
stdout. The public key goes to stderr.`,
		Example: `  gbak-s3 keys new -o key.txt`,
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			return a.newIdentity(file, hybrid)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "write the identity to `FILE`, which must not exist")
	cmd.Flags().BoolVar(&hybrid, "pq", false, "make a hybrid identity, which withstands quantum computers, too; it needs age 1.3 or later")
	return cmd
}

// identityLine is a new identity in JSON. It has no secret.
type identityLine struct {
	Type      string `json:"type"` // "identity"
	Recipient string `json:"recipient"`
	File      string `json:"file"`
}

// newIdentity makes an identity and writes it to a file, or to stdout if that is "".
func (a *app) newIdentity(path string, hybrid bool) error {
	if a.out.json && path == "" {
		return usage("--json needs -o", "Give -o FILE: a secret is never a part of JSON.")
	}
	text, recipient, err := archiver.NewIdentityFile(hybrid)
	if err != nil {
		return err
	}
	if path != "" {
		if err := createSecret(path, text); err != nil {
			return err
		}
		a.tellRecipient(recipient)
		if a.out.json {
			return a.out.printJSON(identityLine{"identity", recipient, path})
		}
		return nil
	}
	if out, ok := a.out.stdout.(*os.File); ok {
		if info, err := out.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
			a.out.warn("everybody on this host can read the file that the identity is written to")
		}
	}
	if out, ok := a.out.stdout.(*os.File); !ok || !term.IsTerminal(int(out.Fd())) {
		a.tellRecipient(recipient) // on a terminal it is seen above the identity
	}
	_, err = a.out.stdout.Write(text)
	return err
}

// tellRecipient prints a public key on stderr, where age-keygen does. With --json it is in
// the answer.
func (a *app) tellRecipient(recipient string) {
	if !a.out.json {
		fmt.Fprintf(a.out.stderr, "Public key: %s\n", recipient)
	}
}

// createSecret creates a file with a secret, for its owner alone. It never overwrites, and
// when it returns, the file survives a power failure.
func createSecret(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usage("%s exists", "Give another name: a key is never overwritten.", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, disk.Durable(f.Sync()), f.Close()); err == nil {
		err = disk.Durable(disk.OS{}.Sync(filepath.Dir(path)))
	}
	if err != nil {
		return errors.Join(err, os.Remove(path)) // half of a key is none
	}
	return nil
}
