package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// canary returns a word that is nowhere by chance: what it is in knows it from the test.
func canary(kind string) string {
	random := make([]byte, 10)
	_, _ = rand.Read(random) // never fails
	return kind + hex.EncodeToString(random)
}

// disguises returns the forms in which a text may be in other bytes: as it is, in hex, and
// in base64 at each of the three places in a group where it may begin.
func disguises(text string) [][]byte {
	all := [][]byte{[]byte(text), []byte(hex.EncodeToString([]byte(text))), bytes.ToUpper([]byte(hex.EncodeToString([]byte(text))))}
	for before := range 3 {
		code := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), text...))
		// The first characters depend on what is before, the last on what follows.
		inner := code[(before*8+5)/6 : (before+len(text))*8/6]
		url := base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
		decoded, err := base64.RawStdEncoding.DecodeString(inner[:len(inner)/4*4])
		if err != nil {
			panic(err)
		}
		all = append(all, []byte(inner), []byte(url.WithPadding(base64.NoPadding).EncodeToString(decoded)))
	}
	return all
}

var (
	zstdMagic  = []byte{0x28, 0xb5, 0x2f, 0xfd}
	base64Runs = regexp.MustCompile(`[A-Za-z0-9+/]{24,}={0,2}`)
)

// inside returns content and all that can be unpacked from it without a key: zstd frames,
// wherever they begin, and base64, and these in one another.
func inside(content []byte) [][]byte {
	all := [][]byte{content}
	for i := 0; i < len(all) && len(all) < 10_000; i++ {
		for at := 0; ; at++ {
			next := bytes.Index(all[i][at:], zstdMagic)
			if next < 0 {
				break
			}
			at += next
			if reader, err := zstd.NewReader(bytes.NewReader(all[i][at:]), zstd.WithDecoderConcurrency(1)); err == nil {
				unpacked, _ := io.ReadAll(reader) // what comes before an error counts as well
				reader.Close()
				if len(unpacked) > 0 {
					all = append(all, unpacked)
				}
			}
		}
		for _, run := range base64Runs.FindAll(all[i], -1) {
			if unpacked, err := base64.StdEncoding.DecodeString(string(run)); err == nil {
				all = append(all, unpacked)
			}
		}
	}
	return all
}

// found returns those of the words that are in content in some form that needs no key.
func found(content []byte, words ...string) []string {
	var all []string
	for _, piece := range inside(content) {
		for _, word := range words {
			if !slices.Contains(all, word) && slices.ContainsFunc(disguises(word), func(d []byte) bool { return bytes.Contains(piece, d) }) {
				all = append(all, word)
			}
		}
	}
	return all
}

// TestNeedlesAreFound: what the tests with canaries search with finds them.
func TestNeedlesAreFound(t *testing.T) {
	word := canary("word")
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for before := range 4 {
		text := append(bytes.Repeat([]byte{'\xfb'}, before), word+"\xff\xfe and more"...)
		document, err := json.Marshal(map[string][]byte{"sealed": text})
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{
			"raw": text, "hex": fmt.Appendf(nil, "%x", text), "HEX": fmt.Appendf(nil, "%X", text),
			"base64":         []byte("x" + base64.StdEncoding.EncodeToString(text)),
			"base64 for URL": []byte("x" + base64.URLEncoding.EncodeToString(text)),
			"a frame":        append([]byte("before"), encoder.EncodeAll(text, nil)...),
			"in a document":  document,
			"a frame in one": []byte(`{"data":"` + base64.StdEncoding.EncodeToString(encoder.EncodeAll(text, nil)) + `"}`),
		} {
			if len(found(content, "another", word)) != 1 {
				t.Errorf("not found with %d bytes before it: %s %q", before, name, content)
			}
		}
	}
	if all := found([]byte("nothing"), word); all != nil {
		t.Errorf("found %v in nothing", all)
	}
}
