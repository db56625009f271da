package archiver_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// unpacked decompresses an object of zstd frames.
func unpacked(t testing.TB, b []byte) []byte {
	t.Helper()
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	raw, err := d.DecodeAll(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// classesOf returns the offsets of an object's bytes by what they are.
func classesOf(t testing.TB, key string, b []byte) map[string][]int {
	t.Helper()
	if manifest.IsSealedKey(key) {
		return classesOfAge(b)
	}
	if strings.HasSuffix(key, ".zst") {
		return classesOfFrames(t, b)
	}
	if strings.HasSuffix(key, ".bin") || key == manifest.InstructionsKey { // digests of pages, or text
		classes := map[string][]int{}
		for at := range b {
			classes["digest or text"] = append(classes["digest or text"], at)
		}
		return classes
	}
	return classesOfDocument(t, b)
}

// classesOfAge distinguishes the lines of an age file's header and its chunks, with what
// authenticates each.
func classesOfAge(b []byte) map[string][]int {
	classes := map[string][]int{}
	note := func(class string, from, to int) {
		for at := from; at < to; at++ {
			classes[class] = append(classes[class], at)
		}
	}
	at := 0
	for line := 0; !bytes.HasPrefix(b[at:], []byte("---")); line++ {
		end := at + bytes.IndexByte(b[at:], '\n') + 1
		note(fmt.Sprint("line ", line), at, end)
		at = end
	}
	end := at + bytes.IndexByte(b[at:], '\n') + 1
	note("MAC", at, end)
	note("nonce", end, end+16)
	for at = end + 16; at < len(b); at = end {
		end = min(at+64<<10+16, len(b))
		note("chunk", at, end-16)
		note("tag", end-16, end)
	}
	return classes
}

// classesOfDocument distinguishes the structure of the JSON, the value of each
// field, the digest, and the ends of the lines.
func classesOfDocument(t testing.TB, b []byte) map[string][]int {
	t.Helper()
	classes := map[string][]int{}
	note := func(class string, from, to int) {
		for at := from; at < to; at++ {
			classes[class] = append(classes[class], at)
		}
	}
	end := bytes.IndexByte(b, '\n')
	note("newline", end, end+1)
	note("digest line", end+1, len(b)-1)
	note("last newline", len(b)-1, len(b))

	d := json.NewDecoder(bytes.NewReader(b[:end]))
	type level struct {
		array bool
		name  string // of the field that comes next; "" if that is a name
	}
	var path []level
	at := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		from, to := at, int(d.InputOffset())
		for from < to && strings.IndexByte(",: ", b[from]) >= 0 { // what stands between two tokens
			note("structure", from, from+1)
			from++
		}
		at = to
		top := len(path) - 1
		switch delim, isDelim := token.(json.Delim); {
		case isDelim && (delim == '{' || delim == '['):
			note("structure", from, to)
			path = append(path, level{array: delim == '['})
		case isDelim:
			note("structure", from, to)
			path = path[:top]
			if top > 0 {
				path[top-1].name = ""
			}
		case !path[top].array && path[top].name == "":
			note("name of a field", from, to)
			path[top].name = token.(string)
		default:
			var names []string
			for _, l := range path {
				names = append(names, l.name)
			}
			note("value of "+strings.Join(names, "."), from, to)
			path[top].name = ""
		}
	}
	return classes
}

// classesOfFrames distinguishes the parts of zstd frames (RFC 8878, section 3.1).
func classesOfFrames(t testing.TB, b []byte) map[string][]int {
	t.Helper()
	classes := map[string][]int{}
	at := 0
	note := func(class string, n int) {
		for range n {
			classes[class] = append(classes[class], at)
			at++
		}
	}
	for frame := 0; at < len(b); frame++ {
		note("first byte of frame "+strconv.Itoa(min(frame, 1)), 1)
		at--
		var h zstd.Header
		if err := h.Decode(b[at:]); err != nil || !h.HasCheckSum {
			t.Fatalf("frame at %d: %+v, %v", at, h, err)
		}
		note("magic number", 4)
		note("frame header", h.HeaderSize-4)
		for last := false; !last; {
			block := int(b[at]) | int(b[at+1])<<8 | int(b[at+2])<<16
			last = block&1 != 0
			size := block >> 3
			if block>>1&3 == 1 {
				size = 1 // a byte that is repeated
			}
			note("block header", 3)
			note("block", size)
		}
		note("frame checksum", 4)
	}
	return classes
}
