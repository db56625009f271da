package archiver_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// document is the JSON of a document, to be changed.
type document = map[string]any

func jsonOf(t testing.TB, b []byte) document {
	t.Helper()
	line, _, _ := bytes.Cut(b, []byte("\n"))
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var doc document
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// sealed returns a document with a digest that fits, whatever is in it.
func sealed(t testing.TB, doc document) []byte {
	t.Helper()
	line, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	line = append(line, '\n')
	return fmt.Appendf(line, "{\"sha256\":\"%s\"}\n", manifest.Sum(line))
}

func packed(t testing.TB, raw []byte) []byte {
	t.Helper()
	e, err := segment.NewEncoder(segment.DefaultLevel)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := e.AppendFrame(nil, raw)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// withIndex makes b the index object of a manifest.
func withIndex(objects map[string][]byte, m document, b []byte, rawBytes int) {
	sum := manifest.Sum(b)
	folder, _ := m["folder"].(string)
	if _, ok := manifest.GenerationOf(folder); !ok { // a forged one, which no key can have
		folder = manifest.FolderName(0, strings.Repeat("0", 32))
	}
	key := manifest.IndexKey(folder, sum)
	objects[key] = b
	m["content"] = nil
	m["index"] = document{"key": key, "stored_bytes": len(b), "raw_bytes": rawBytes, "sha256": sum.String()}
}

// withObjects makes objects of the segments that stand in a manifest.
func withObjects(t testing.TB, objects map[string][]byte, m, ix document) {
	t.Helper()
	for n, s := range ix["segments"].([]any) {
		s := s.(document)
		data, isInline := s["data"].(string)
		if !isInline {
			continue
		}
		b, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			t.Fatal(err)
		}
		key := manifest.SegmentKey(manifest.SegmentFolder(m["folder"].(string)), n, manifest.Sum(b))
		objects[key], s["key"] = b, key
		delete(s, "data")
	}
}

// forged returns the objects with another manifest or index in backup seq, and
// every digest right, as a bug of ours or somebody with bad intentions would
// have made them. Later manifests have it in their summaries, if they can: a
// verification must find what is wrong by other means.
func forged(t testing.TB, objects map[string][]byte, seq manifest.Seq, change func(m, ix document)) map[string][]byte {
	t.Helper()
	objects = maps.Clone(objects)
	m := jsonOf(t, objects[seq.Key()])
	ix, inline := m["content"].(document)
	if m["kind"] == string(manifest.Keep) {
		ix, inline = document{}, true
	} else if !inline {
		ix = jsonOf(t, unpacked(t, objects[m["index"].(document)["key"].(string)]))
	}
	change(m, ix)
	if ref := m["index"]; !inline && ref != nil {
		raw := sealed(t, ix)
		withIndex(objects, m, packed(t, raw), len(raw))
	}
	objects[seq.Key()] = sealed(t, m)
	for next := seq + 1; objects[next.Key()] != nil; next++ {
		m := jsonOf(t, objects[next.Key()])
		sum := manifest.Sum(objects[(next - 1).Key()])
		m["previous_sha256"] = sum.String()
		objects[next.Key()] = sealed(t, m)
		before, err := manifest.DecodeManifest(objects[(next - 1).Key()])
		if err != nil {
			continue
		}
		after := manifestOf(t, objects, uint64(next))
		after.SetEarlier(before)
		if b := after.Encode(); decodes(b) { // a seq or a timeline that cannot be has no summary
			objects[next.Key()] = b
		}
	}
	return objects
}

func decodes(b []byte) bool { _, err := manifest.DecodeManifest(b); return err == nil }

// change is another value for something in a document.
type change struct {
	where string
	apply func()
}

// changesOf returns changes of everything in a JSON value, which set replaces.
func changesOf(where string, v any, set func(any)) []change {
	var all []change
	add := func(what string, other any) {
		all = append(all, change{where + " " + what, func() { set(other) }})
	}
	add("null", nil)
	switch v := v.(type) {
	case json.Number:
		for _, other := range []string{"0", "-1", "4611686018427387904", "18446744073709551615", "0.5"} {
			add("= "+other, json.Number(other))
		}
		if n, err := v.Int64(); err == nil {
			add("+1", json.Number(fmt.Sprint(n+1)))
			add("-1", json.Number(fmt.Sprint(n-1)))
		}
		add("a string", "1")
	case string:
		add("empty", "")
		add("another", "x")
		add("longer", v+"0")
		if last := len(v) - 1; last > 0 {
			end := "0" // which a key may have
			if v[last] == '0' {
				end = "1"
			}
			add("with another end", v[:last]+end)
			add("as a path", "../"+v)
		}
		add("a number", 1)
	case nil:
		add("a number", 1)
	case []any:
		add("empty", []any{})
		if len(v) > 0 {
			add("without the first", v[1:])
			add("without the last", v[:len(v)-1])
			add("with the first twice", append([]any{v[0]}, v...))
		}
		if len(v) > 1 {
			add("in reverse", func() any { r := slices.Clone(v); slices.Reverse(r); return r }())
		}
		for i := range v {
			if i == 0 || i == len(v)-1 {
				all = append(all, changesOf(fmt.Sprintf("%s[%d]", where, i), v[i], func(x any) { v[i] = x })...)
			}
		}
	case document:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = append(all, change{where + "." + name + " removed", func() { delete(v, name) }})
			all = append(all, changesOf(where+"."+name, v[name], func(x any) { v[name] = x })...)
		}
		all = append(all, change{where + " with a field more", func() { v["extra"] = 1 }})
	}
	return all
}

// free are the fields that say something to people, or about the run that made
// the backup, or that only the next backup compares with a database, and changes
// that mean the same: nothing else in an archive shows that they are right.
var free = []string{
	"m.tool", "m.host", "m.commit_id", "m.created_at", "m.read_until", "m.database.name",
	"m.stored_bytes", "m.segments", "m.reused_bytes",
	"m.position.commit.start", "m.position.commit.end_file", "m.position.commit.run", "m.position.commit.file_id",
	"m.last_full null", "m.last_full removed", // it need not be there
	"m.earlier null", "m.earlier removed", "m.earlier empty", // nor need they
	"m.earlier without the", // of one: it is empty then
	"m.continues",           // of a full backup: of an incremental it is found, or refused
	"ix.segments[0].raw_bytes", "ix.segments[1].raw_bytes", "ix.segments with the first twice", "ix.frames with the first twice", "ix.files in reverse",
	"ix.commits null", "ix.commits removed", // there may be none
	"ix.files[0].extents[0].bytes -1", "ix.files[1].extents[0].bytes -1", // the last byte is a zero, as holes are
}

// A manifest or an index that is wrong in any field, with a digest that is
// right, never makes a restore that succeeds write other bytes, and a
// verification finds it, unless it is in a field that nothing else depends on.
func TestForgedDocuments(t *testing.T) {
	store05, _ := chain05(t, 1)
	for name, objects := range map[string]map[string][]byte{"0.5": store05.Objects(), "0.6": chain06(t, 1).Objects()} {
		own := map[string][]byte{}
		objects = forged(t, objects, 2, func(m, ix document) { // so that there is an index of its own; the segment of backup 3 is inline
			withObjects(t, own, m, ix)
			ix["type"], ix["format"] = "index", 1
			raw := sealed(t, ix)
			withIndex(own, m, packed(t, raw), len(raw))
		})
		maps.Copy(objects, own)
		mustBeWhole(t, refill(t, objects))
		for seq := manifest.Seq(1); seq <= 4; seq++ {
			t.Run(fmt.Sprint(name, " backup ", seq), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { forgeEverything(t, objects, seq) })
			})
		}
	}
}

// forgeEverything forges everything in one backup.
func forgeEverything(t *testing.T, objects map[string][]byte, seq manifest.Seq) {
	t.Helper()
	f := forgery{objects: objects, seq: seq, first: uint64(seq), last: 3}
	if seq > 3 {
		f.last = 5
	}
	f.everything(t)
}

// everything forges everything in one record.
func (f forgery) everything(t *testing.T) {
	t.Helper()
	objects, seq := f.objects, f.seq
	f.want, f.wantLast = restore(t, refill(t, objects), f.first), restore(t, refill(t, objects), f.last)
	changes := 1 // as many as there are, when the first is made
	for n := 0; n < changes; n++ {
		if isLeftOut(n) {
			continue
		}
		where := ""
		changed := forged(t, objects, seq, func(m, ix document) {
			content := m["content"]
			delete(m, "content")
			all := changesOf("m", m, func(any) {})
			m["content"] = content
			all = append(all, changesOf("ix", ix, func(any) {})...)
			changes, where = len(all), all[n].where
			all[n].apply()
		})
		f.try(t, where, n, changed)
	}
}

// forgery is the record that is forged, and what restores to that backup, and to the last
// one of its chain, must return if they return anything.
type forgery struct {
	objects        map[string][]byte
	seq            manifest.Seq
	first, last    uint64
	want, wantLast map[string]string
}

// decode returns the document of the backup.
func (f forgery) decode(t testing.TB, objects map[string][]byte) (*manifest.Manifest, error) {
	t.Helper()
	m, err := manifest.DecodeManifest(objects[f.seq.Key()])
	if err == nil && m.Index != nil && objects[m.Index.Key] != nil {
		m.Content, err = manifest.DecodeIndex(unpacked(t, objects[m.Index.Key]))
		m.Index = nil
	}
	return m, err
}

// try demands what TestForgedDocuments says of one forgery, the n-th.
func (f forgery) try(t *testing.T, where string, n int, changed map[string][]byte) {
	t.Helper()
	before, _ := f.decode(t, f.objects)
	after, refused := f.decode(t, changed)
	if refused == nil && cmp.Equal(before, after) || refused != nil && n%10 != 0 { // some of those that are refused at once
		return
	}
	store := refill(t, changed)
	r, err := newArchive(store).Verify(t.Context(), archiver.VerifyOptions{Deep: true})
	if err != nil && archiver.CodeOf(err) != archiver.CodeUnsupported {
		t.Errorf("%s: verify: %v", where, err)
	}
	isFree := before.Kind == manifest.Keep && slices.ContainsFunc(freeInKeep, func(name string) bool { return strings.HasPrefix(where, name) }) || slices.ContainsFunc(free, func(name string) bool { return strings.HasPrefix(where, name) }) ||
		strings.HasPrefix(where, "m.database.") && before.Kind == manifest.Incremental || // the image is another backup's
		strings.HasPrefix(where, "m.folder ") && (before.Kind == manifest.Full || before.Content.HasInline()) // its index says where its content is
	if err == nil && r.OK() && !isFree {
		t.Errorf("%s: nothing was found", where)
	}
	f.restores(t, where, store, f.first, f.want)
	if isFree || n%5 == 0 { // where it was found, that the later one fails is much the same
		f.restores(t, where, store, f.last, f.wantLast)
	}
}

func (f forgery) restores(t *testing.T, where string, store *storagetest.Memory, seq uint64, want map[string]string) {
	t.Helper()
	dir := t.TempDir()
	_, err := newArchive(store).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{Target: archiver.AtBackup(seq)})
	got := contents(t, dir)
	switch code := archiver.CodeOf(err); {
	case err == nil:
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: restore %d gave other bytes", where, seq)
		}
	case manifestKind(f) == manifest.Keep && (code == archiver.CodeNoBackup || code == archiver.CodeUnreachable):
	case code != archiver.CodeDamagedArchive && code != archiver.CodeUnsupported:
		t.Errorf("%s: restore %d: %s %v", where, seq, code, err)
	case len(got) > 0:
		t.Errorf("%s: restore %d has left something", where, seq)
	}
}
