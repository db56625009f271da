package main

import (
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// ofOne is an error about an archive that one recipient can open.
func ofOne() error {
	return &archiver.KeysError{Recipients: []string{"age1abc"}, Err: errors.New("it opens for age1abc")}
}

// keyHintCases are for the rows about keys, verbKeyHintCases for those of commands.
var keyHintCases = []hintCase{
	{"copy without recipients", archiver.CodeNoRecipients, errors.New("x"), "--plain"},
	{"writer key is missing", archiver.CodeKeyMissing, ofOne(), "keys writer"},
	{"identity is wrong", archiver.CodeKeyWrong, ofOne(), "keys check"},
	{"key of another archive", archiver.CodeKeyWrong, errors.New("x"), "bucket's versions"},
	{"needed recipient", archiver.CodeRecipientNeeded, errors.New("x"), "keys add"},
	{"other recipients", archiver.CodeRecipients, ofOne(), "keys add"},
	{"not encrypted", archiver.CodeNotEncrypted, errors.New("x"), "gbak-s3 copy"},
	{"encrypted now", archiver.CodeEncrypted, errors.New("x"), "--begin-anew"},
	{"rolled back", archiver.CodeDamagedArchive, errors.New("rolled back: the newest backup is number 1"), "bucket's versions"},
}

var verbKeyHintCases = []verbHintCase{
	{"restore", hintCase{"identity is missing", archiver.CodeKeyMissing, ofOne(), "-i FILE"}},
	{"restore", hintCase{"archive.json of what is read", archiver.CodeDamagedArchive, &archiver.DocumentError{Err: errors.New("x")}, "?versions=oldest"}},
	{"expire", hintCase{"an expiry of a mirror", archiver.CodeMirror, errors.New("x"), "mirror again"}},
	{"backup", hintCase{"a mirror", archiver.CodeMirror, errors.New("x"), "--detach"}},
	{"mirror", hintCase{"mirrored into something else", archiver.CodeTargetExists, errors.New("x"), "nothing yet"}},
	{"mirror", hintCase{"a mirror with other backups", archiver.CodeConflict, errors.New("x"), "swap them"}},
	{"mirror", hintCase{"damage while mirroring", archiver.CodeDamagedArchive, errors.New("x"), "--fresh"}},
	{"copy", hintCase{"copy without encryption into an encrypted archive", archiver.CodeEncrypted, errors.New("x"), "another address"}},
	{"remove", hintCase{"no such recipient", archiver.CodeRecipients, ofOne(), "keys list"}},
}
