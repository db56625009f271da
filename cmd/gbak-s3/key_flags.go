package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// The variables that stand in for flags which are not given. They have public keys and paths of
// files, never a secret.
const (
	recipientsVariable = "GBAK_RECIPIENTS"
	identityVariable   = "GBAK_IDENTITY"
	writerKeyVariable  = "GBAK_WRITER_KEY"
)

// keyFlags are the flags that say with which keys a command works on one archive.
type keyFlags struct {
	recipients        []string // age public keys
	recipientsFiles   []string
	passphrase        bool // it is a recipient, too
	identities        []string
	passphraseCommand string
	writerKey         string

	asker *asker
}

// opening adds the flags for what opens an archive that exists.
func (k *keyFlags) opening(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&k.identities, "identity", "i", nil,
		"open an encrypted archive with the age identity in `FILE`, - for stdin; may be repeated (default $"+identityVariable+")")
	flags.StringVar(&k.passphraseCommand, "passphrase-command", "", "run `COMMAND` in a shell to get the passphrase of an encrypted archive or identity")
	flags.StringVar(&k.writerKey, "writer-key", "", "read the writer key of an encrypted archive from `FILE` instead of the state folder (default $"+writerKeyVariable+")")
}

// encrypting adds the flags for who can open what is encrypted.
func (k *keyFlags) encrypting(flags *pflag.FlagSet) {
	k.publicKeys(flags)
	flags.BoolVar(&k.passphrase, "passphrase", false, "encrypt a new archive for a passphrase, too, which you are asked for twice")
}

// publicKeys is encrypting without what somebody must be asked for.
func (k *keyFlags) publicKeys(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&k.recipients, "recipient", "r", nil,
		"encrypt a new archive for this age `PUBLIC_KEY`, or make sure that the archive is encrypted for it; may be repeated (default $"+recipientsVariable+")")
	flags.StringArrayVarP(&k.recipientsFiles, "recipients-file", "R", nil, "the same for all public keys in `FILE`; may be repeated")
}

// given returns the keys that the flags and the environment give, for an archive that logs to log.
func (k *keyFlags) given(ctx context.Context, log *slog.Logger) (archiver.Keys, error) {
	recipients, err := k.givenRecipients(ctx)
	if err != nil {
		return archiver.Keys{}, err
	}
	keys := archiver.Keys{Recipients: recipients, Identities: k.givenIdentities}
	for _, path := range k.identityFiles() {
		if isSecret(path) {
			return archiver.Keys{}, usage("an identity was given itself, and not the path of its file", "Write it into a file that only you can read: what is in a command line or in the environment can be seen by others.")
		}
	}
	stdins := 0
	for _, path := range k.identities {
		if path == "-" {
			stdins++
		}
		if stdins > 1 {
			return archiver.Keys{}, usage("--identity - is given twice, and stdin can be read once", "Write all identities into one file, or give each its own.")
		}
		if path != "-" && !disk.Exists(path) {
			return archiver.Keys{}, badIdentity(path, os.ErrNotExist)
		}
	}
	keys.Required = len(k.identityFiles()) > 0 || k.passphraseCommand != "" && len(recipients) == 0
	if path := cmp.Or(k.writerKey, os.Getenv(writerKeyVariable)); path != "" {
		keys.WriterKey = archiver.WriterKeyFile(path, log)
	}
	return keys, nil
}

// givenRecipients returns who can open what is encrypted. The variable counts only without flags.
func (k *keyFlags) givenRecipients(ctx context.Context) ([]archiver.Recipient, error) {
	var all []archiver.Recipient
	for _, text := range k.recipients {
		r, err := archiver.ParseRecipient(text)
		if err != nil {
			return nil, usage("--recipient: %w", recipientHint, err)
		}
		all = append(all, r)
	}
	for _, path := range k.recipientsFiles {
		more, err := readRecipients(path)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	if k.passphrase {
		all = append(all, archiver.AskedPassphrase(func() (string, error) {
			return k.askPassphrase(ctx, "a passphrase for the archive", true)
		}))
	}
	if len(all) > 0 {
		return all, nil
	}
	return recipientsIn(os.Getenv(recipientsVariable))
}

const recipientHint = "Give the public key of an age identity, such as `gbak-s3 keys new` or age-keygen makes; -R takes a file of them."

// recipientsIn returns the recipients in the value of the variable: public keys and files of them.
func recipientsIn(value string) ([]archiver.Recipient, error) {
	var all []archiver.Recipient
	for _, word := range strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(", \t\r\n", c) }) {
		more, err := recipientsOf(word)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	if value != "" && len(all) == 0 { // whoever has set it does not want an archive that all can read
		return nil, usage("$"+recipientsVariable+" is set, and names no recipient", recipientHint+" Unset it, or leave it empty, for an archive that is not encrypted.")
	}
	return all, nil
}

// isRecipient reports whether a word is meant to be a public key, and not a path.
func isRecipient(word string) bool {
	return strings.HasPrefix(word, "age1") || isSecret(word)
}

// recipientsOf returns the recipient that is a public key, or those in the file at a path.
func recipientsOf(word string) ([]archiver.Recipient, error) {
	if !isRecipient(word) {
		return readRecipients(word)
	}
	r, err := archiver.ParseRecipient(word)
	if err != nil {
		return nil, usage("a recipient: %w", recipientHint, err)
	}
	return []archiver.Recipient{r}, nil
}

// maxKeyFile is more than a file of keys has.
const maxKeyFile = 1 << 20

func readRecipients(path string) ([]archiver.Recipient, error) {
	content, err := disk.ReadUpTo(path, maxKeyFile)
	if err != nil {
		return nil, usage("the file of recipients cannot be read: %w", "Check the path; -r takes a public key.", err)
	}
	all, err := archiver.ParseRecipients(content)
	if err != nil {
		return nil, usage("the file of recipients %s: %w", recipientHint, path, err)
	}
	return all, nil
}

// identityFiles returns the files of identities. The variable counts only without flags; it is a
// list like PATH.
func (k *keyFlags) identityFiles() []string {
	if len(k.identities) > 0 {
		return k.identities
	}
	return filepath.SplitList(os.Getenv(identityVariable))
}

// givenIdentities returns what may open an archive: the identities in files or, without any, the
// passphrase that a command prints or somebody enters.
func (k *keyFlags) givenIdentities(ctx context.Context) ([]archiver.Identity, error) {
	files := k.identityFiles()
	var all []archiver.Identity
	for _, path := range files {
		more, err := k.readIdentities(ctx, path)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	switch {
	case k.passphraseCommand != "":
		text, err := printedBy(ctx, k.passphraseCommand)
		if err != nil {
			return nil, err
		}
		more, err := identityOf(text)
		return append(all, more...), err
	case len(files) == 0 && k.asker.canAsk():
		text, err := k.asker.ask(ctx, "the archive is encrypted; its passphrase, or an identity (AGE-SECRET-KEY-...)")
		if err != nil {
			return nil, err
		}
		return identityOf(text)
	}
	return all, nil
}

// isSecret reports whether a text is an identity itself.
func isSecret(text string) bool { return strings.HasPrefix(strings.ToUpper(text), "AGE-SECRET-KEY-") }

// askPassphrase returns a passphrase: what the command prints, or what somebody enters, twice if
// it is new.
func (k *keyFlags) askPassphrase(ctx context.Context, what string, isNew bool) (string, error) {
	if k.passphraseCommand != "" {
		return printedBy(ctx, k.passphraseCommand)
	}
	return k.asker.passphrase(ctx, what, isNew)
}

// identityOf returns the identity that was entered, which may be a passphrase.
func identityOf(text string) ([]archiver.Identity, error) {
	if isSecret(text) {
		return archiver.ParseIdentities([]byte(text), nil)
	}
	id, err := archiver.PassphraseIdentity(text)
	return []archiver.Identity{id}, err
}

// readIdentities reads the identities in the file at a path, - for stdin.
func (k *keyFlags) readIdentities(ctx context.Context, path string) ([]archiver.Identity, error) {
	var content []byte
	var err error
	if path == "-" {
		k.asker.taken = true
		content, err = io.ReadAll(io.LimitReader(k.asker.stdin, maxKeyFile))
	} else {
		content, err = disk.ReadUpTo(path, maxKeyFile)
	}
	if err != nil {
		return nil, badIdentity(path, err)
	}
	all, err := archiver.ParseIdentities(content, func() (string, error) {
		return k.askPassphrase(ctx, "the passphrase of "+path, false)
	})
	if err != nil {
		return nil, badIdentity(path, err)
	}
	return all, nil
}

// badIdentity is the error for a file of identities that cannot be used.
func badIdentity(path string, err error) error {
	if path == "-" {
		path = "stdin"
	}
	code := archiver.CodeKeyWrong
	if known, ok := errors.AsType[*archiver.Error](err); ok {
		code = known.Code
	} else if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		code = archiver.CodeKeyMissing
	}
	return &archiver.Error{Code: code, Err: fmt.Errorf("the identity in %s cannot be used: %w", path, err), Hint: identityHint}
}

const identityHint = "Give the file that `gbak-s3 keys new` or age-keygen has made, which has a line that begins with AGE-SECRET-KEY-; it may be encrypted by age -p."
