package objects

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

const (
	ageFile = ageBeginning + "X25519 abc\nabc\n--- abc\nciphertext"
	anID    = "0123456789abcdef0123456789abcdef"
	twoLine = "%s\n{\"sha256\":\"%064x\",\"mac\":\"%064x\"}\n"
)

// instructions is the text of an encrypted archive.
var instructions = string(manifest.Instructions(anID, true))

// sealedDocument is a document with these clear fields, and text as its sealed part.
func sealedDocument(clear, text string) string {
	line := fmt.Sprintf(`{"type":"manifest","format":1,%s"sealed":"%s"}`, clear, base64.StdEncoding.EncodeToString([]byte(text)))
	return fmt.Sprintf(twoLine, line, 1, 2)
}

// The guard lets age files, sealed documents and probes through, and nothing else; and it
// is no matter under which key something is to be stored.
func TestGuard(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key, body string
		passes    bool
	}{
		"an age file":                  {"segments/a.zst.age", ageFile, true},
		"an age file under a document": {manifest.ArchiveKey, ageFile, true},
		"a sealed document":            {"manifests/1.json", sealedDocument(`"seq":7,`, ageFile), true},
		"a probe":                      {"probe/a/b", "plain", true},
		"a sealed certificate":         {"certificates/1.json", sealedDocument(`"archive_id":"7","generation":1,`, ageFile), true},
		"what a mirror is of":          {manifest.MirrorKey, string((&manifest.Mirror{ArchiveID: anID, Source: "s3://b/p", At: manifest.Now()}).Encode()), true},
		"the end of a mirror":          {manifest.DetachedKey, string((&manifest.Mirror{ArchiveID: anID, At: manifest.Now()}).EncodeDetached()), true},
		"the instructions":             {manifest.InstructionsKey, instructions, true},

		"the instructions under another key":           {"restore.md", instructions, false},
		"the instructions of a plain archive":          {manifest.InstructionsKey, string(manifest.Instructions(anID, false)), false},
		"other instructions":                           {manifest.InstructionsKey, strings.Replace(instructions, "zstd", "curl", 1), false},
		"the instructions and more":                    {manifest.InstructionsKey, instructions + "\n", false},
		"the instructions and more than is looked at":  {manifest.InstructionsKey, instructions + strings.Repeat(" ", maxText), false},
		"no instructions":                              {manifest.InstructionsKey, "", false},
		"an age file in the place of the instructions": {manifest.InstructionsKey, ageFile, false},
		"a document in the place of the instructions":  {manifest.InstructionsKey, sealedDocument(`"seq":7,`, ageFile), false},

		"something else in the place of a mirror's document": {manifest.MirrorKey, "plain", false},
		"the beginning of a mirror as its end":               {manifest.DetachedKey, string((&manifest.Mirror{ArchiveID: anID, At: manifest.Now()}).Encode()), false},

		"a plain segment":                  {"segments/a.zst.age", "\x28\xb5\x2f\xfd and more", false},
		"nothing":                          {"segments/a.zst.age", "", false},
		"the beginning of an age file":     {"segments/a.zst.age", ageBeginning[:22], false},
		"an age file that begins later":    {"segments/a.zst.age", " " + ageFile, false},
		"a plain document":                 {"manifests/1.json", `{"type":"manifest"}` + "\n" + `{"sha256":"00"}` + "\n", false},
		"a document whose part is plain":   {"manifests/1.json", sealedDocument("", `{"database":"people"}`), false},
		"a document without a sealed part": {"manifests/1.json", fmt.Sprintf(twoLine, `{"type":"manifest"}`, 1, 2), false},
		"a document that says too much":    {"manifests/1.json", sealedDocument(`"host":"db1",`, ageFile), false},
		"a document without a MAC":         {"manifests/1.json", strings.Replace(sealedDocument("", ageFile), `"mac"`, `"mab"`, 1), false},
		"a plain certificate":              {"certificates/1.json", `{"type":"certificate"}` + "\n" + `{"sha256":"00"}` + "\n", false},
		"a certificate that says too much": {"certificates/1.json", sealedDocument(`"ok":true,`, ageFile), false},
		"something like it":                {"RESTORE.md.txt", "plain", false},
		"half a document":                  {"manifests/1.json", sealedDocument("", ageFile)[:90], false},
		"a document that is no JSON":       {"manifests/1.json", "{\n{\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := storagetest.NewMemory()
			body := strings.NewReader("before " + c.body)
			if _, err := body.Seek(7, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			_, err := Guarded(inner, func() bool { return true }).Put(t.Context(), c.key, body, storage.PutOptions{IfAbsent: true})
			if c.passes {
				if err != nil || string(inner.Objects()[c.key]) != c.body {
					t.Errorf("%v, stored %q", err, inner.Objects())
				}
				return
			}
			if refused, ok := errors.AsType[*PlaintextError](err); !ok || refused.Key != c.key || !IsPermanent(err) || len(inner.Objects()) > 0 {
				t.Errorf("%v, stored %q", err, inner.Objects())
			}
		})
	}
}

// Before it is known that the archive is encrypted, and in a plain one, all passes.
func TestGuardOfPlainArchive(t *testing.T) {
	t.Parallel()
	inner, sealed := storagetest.NewMemory(), false
	g := Guarded(inner, func() bool { return sealed })
	put := func(key string) error {
		_, err := g.Put(t.Context(), key, strings.NewReader("plain"), storage.PutOptions{})
		return err
	}
	if err := put("a"); err != nil {
		t.Error(err)
	}
	sealed = true
	if err := put("b"); err == nil || len(inner.Objects()) != 1 {
		t.Errorf("%v, stored %q", err, inner.Objects())
	}
}

// A body that is refused is not tried again, and of a segment no more is read than its
// beginning.
func TestGuardPeeks(t *testing.T) {
	t.Parallel()
	inner := storagetest.NewFaulty(storagetest.NewMemory(), nil)
	s := storeOf(Guarded(inner, func() bool { return true }))
	_, err := s.Create(t.Context(), "segments/a", sumOf("plain"), []byte("plain"), false)
	if _, ok := errors.AsType[*PlaintextError](err); !ok || len(inner.Calls()) > 0 {
		t.Errorf("%v after %v", err, inner.Calls())
	}
	body := &counting{ReadSeeker: bytes.NewReader([]byte(ageFile + strings.Repeat("x", 1<<20)))}
	if sealed, err := isSealedBody(body); !sealed || err != nil || body.read > len(ageBeginning) {
		t.Errorf("%t, %v, %d bytes were read", sealed, err, body.read)
	}
}

// counting counts the bytes that are read.
type counting struct {
	io.ReadSeeker
	read int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	c.read += n
	return n, err
}

// Bytes that nobody has sealed may be put into probes, and nowhere else, however they get
// there.
func TestGuardMeetsTampering(t *testing.T) {
	t.Parallel()
	for key, ok := range map[string]bool{"probe/a/1": true, "segments/a": false} {
		for _, isSealed := range []bool{true, false} {
			_, err := storage.Tamper(t.Context(), Guarded(storagetest.NewMemory(), func() bool { return isSealed }), key, storage.ReplaceVersion)
			if _, refused := errors.AsType[*PlaintextError](err); refused != (isSealed && !ok) || !refused && !errors.Is(err, storage.ErrNoVersions) {
				t.Errorf("%s, sealed %t: %v", key, isSealed, err)
			}
		}
	}
}

// The guard is as much of a store as what is behind it.
func TestGuardPassesOn(t *testing.T) {
	t.Parallel()
	m := full(t, "a", "b")
	then := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	m.SetClock(func() time.Time { return then })
	faulty := storagetest.NewFaulty(m, nil)
	s := storeOf(Guarded(faulty, func() bool { return true }))
	if kept, err := s.DeleteAll(t.Context(), []string{"a", "b"}); err != nil || len(kept) > 0 || count(faulty.Calls(), storage.OpDelete) != 1 {
		t.Errorf("kept %v, %v; calls %v", kept, err, faulty.Calls())
	}
	if now, err := s.Now(t.Context()); err != nil || !now.Equal(then) {
		t.Errorf("it is %v, %v", now, err)
	}
}
