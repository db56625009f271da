package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// withFields returns a document with fields of its first line changed, or left out if
// nil, and a digest that is right.
func withFields(t testing.TB, content []byte, change map[string]any) []byte {
	t.Helper()
	line, _, _ := bytes.Cut(content, []byte("\n"))
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatalf("%v: %q", err, line)
	}
	for name, value := range change {
		if delete(fields, name); value != nil {
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			fields[name] = text
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return document(text)
}

// trap is a host that knows something of a sealed archive, in front of an address where
// another one has been put meanwhile.
type trap struct {
	proxy    *s3test.Proxy
	at       bucket
	db       string
	host     *host
	flags    []string
	identity identity
}

// newTrap makes a sealed archive with two backups, and a host that knows of it what is
// said: its state, its writer key, its recipient, or nothing.
func newTrap(t testing.TB, knows string) *trap {
	t.Helper()
	p, at := behindProxy(t, nil)
	w := &trap{proxy: p, at: at, db: closedImage(t), host: newHost(t), identity: newIdentity(t)}
	for range 2 {
		w.host.must(t, "backup", w.db, p.Address, "-r", w.identity.recipient, "--no-hold", "--full")
	}
	state := w.host.state
	if knows != "state" {
		w.host = newHost(t)
	}
	switch knows {
	case "writer key":
		keys, err := filepath.Glob(filepath.Join(state, "keys", "*.key"))
		if err != nil || len(keys) != 1 {
			t.Fatalf("writer keys: %v %v", keys, err)
		}
		w.flags = []string{"--writer-key", keys[0]}
	case "recipient":
		w.flags = []string{"-r", w.identity.recipient}
	case "recipients of the environment":
		w.host.env = []string{"GBAK_RECIPIENTS=" + w.identity.recipient}
	}
	return w
}

// put replaces all that is at the address.
func (w *trap) put(t testing.TB, objects map[string][]byte) {
	t.Helper()
	for _, key := range w.at.keys(t) {
		w.at.remove(t, key)
	}
	for key, content := range objects {
		w.at.write(t, key, content)
	}
}

// objectsOf returns the objects of an archive in a directory that a host of its own has
// made from the database: sealed if there are flags that say so.
func objectsOf(t testing.TB, db string, flags ...string) map[string][]byte {
	t.Helper()
	at := newDirectory(t)
	for _, kind := range []string{"--full", "--full"} {
		newHost(t).must(t, append([]string{"backup", db, at.address(), "--no-hold", kind}, flags...)...)
		flags = nil
	}
	return objectsIn(t, at)
}

func objectsIn(t testing.TB, at place) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, key := range at.keys(t) {
		all[key] = at.read(t, key)
	}
	return all
}

// renamed returns a plain archive with the id of another one, as a forger makes it.
func renamed(t testing.TB, objects map[string][]byte, id any) map[string][]byte {
	t.Helper()
	previous := any(nil)
	for _, key := range sortedKeys(objects) {
		switch kindOf(key) {
		case "archive.json":
			objects[key] = withFields(t, objects[key], map[string]any{"archive_id": id})
		case "manifests":
			change := map[string]any{"archive_id": id}
			if previous != nil {
				change["previous_sha256"] = previous
			}
			objects[key] = withFields(t, objects[key], change)
			previous = fmt.Sprintf("%x", sha256.Sum256(objects[key]))
		}
	}
	return objects
}

func sortedKeys(objects map[string][]byte) []string {
	var keys []string
	for key := range objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// traps are what somebody who writes to the bucket can put in the place of the archive.
var traps = map[string]func(t testing.TB, w *trap) map[string][]byte{
	"itself":  func(t testing.TB, w *trap) map[string][]byte { return objectsIn(t, w.at) },
	"plain":   func(t testing.TB, w *trap) map[string][]byte { return objectsOf(t, w.db) },
	"swapped": func(t testing.TB, w *trap) map[string][]byte { return sealedBy(t, w, newIdentity(t)) },
	"swapped, for the same recipient": func(t testing.TB, w *trap) map[string][]byte {
		return sealedBy(t, w, w.identity)
	},
	"plain with its id": func(t testing.TB, w *trap) map[string][]byte {
		return renamed(t, objectsOf(t, w.db), firstLine(t, w.at.read(t, "archive.json"))["archive_id"])
	},
	"stripped": func(t testing.TB, w *trap) map[string][]byte {
		all := objectsIn(t, w.at)
		plain := objectsOf(t, w.db)["archive.json"]
		all["archive.json"] = withFields(t, plain, map[string]any{"archive_id": firstLine(t, all["archive.json"])["archive_id"]})
		return all
	},
	"without archive.json": func(t testing.TB, w *trap) map[string][]byte {
		all := objectsIn(t, w.at)
		delete(all, "archive.json")
		return all
	},
	"its archive.json and nothing else": func(t testing.TB, w *trap) map[string][]byte {
		return map[string][]byte{"archive.json": w.at.read(t, "archive.json")}
	},
	"a plain archive.json and nothing else": func(t testing.TB, w *trap) map[string][]byte {
		return map[string][]byte{"archive.json": objectsOf(t, w.db)["archive.json"]}
	},
	"nothing": func(testing.TB, *trap) map[string][]byte { return nil },
}

// sealedBy is another sealed archive of the same database.
func sealedBy(t testing.TB, w *trap, id identity) map[string][]byte {
	t.Helper()
	at, h := newDirectory(t), newHost(t)
	for range 2 {
		h.must(t, "backup", w.db, at.address(), "--no-hold", "--full", "-r", id.recipient)
	}
	return objectsIn(t, at)
}

// TestTraps puts each trap in front of a host that knows something of the archive. Where it
// is not the host's archive, the run ends with 10, or as it says here, and has not put or
// deleted anything. Nobody can tell a trap who knows nothing: he sees a plain archive, or
// one that wants keys of him.
func TestTraps(t *testing.T) {
	t.Parallel()
	const works = exitOK
	expected := map[string]map[string][]int{
		"itself":                                {"state": {works}, "writer key": {works}},
		"plain":                                 {"none": {works}},
		"plain with its id":                     {"none": {works}},
		"stripped":                              {"none": {exitKeys, exitDamage}},
		"without archive.json":                  {"state": {exitKeys, exitDamage}, "writer key": {exitKeys, exitDamage}, "none": {exitKeys, exitDamage}, "recipient": {exitKeys, exitDamage}, "recipients of the environment": {exitKeys, exitDamage}},
		"its archive.json and nothing else":     {"state": {exitNoArchive, exitDamage}, "writer key": {works}},
		"a plain archive.json and nothing else": {"none": {works}},
		"nothing":                               {"state": {exitNoArchive}, "none": {works}, "recipient": {works}, "recipients of the environment": {works}},
	}
	for _, knows := range []string{"state", "writer key", "recipient", "recipients of the environment", "none"} {
		for name, set := range traps {
			t.Run(knows+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := newTrap(t, knows)
				w.put(t, set(t, w))
				codes := expected[name][knows]
				if codes == nil {
					codes = []int{exitKeys}
				}
				runs := [][]string{{"backup", w.db, w.proxy.Address, "--no-hold"}, {"backup", w.db, w.proxy.Address, "--no-hold", "--full"}}
				if codes[0] == works {
					runs = runs[1:]
				}
				for _, args := range runs {
					before := len(w.proxy.Log())
					r := w.host.gbak(t, append(append(args, "--json", "--commit-timeout", "20s"), w.flags...)...)
					if !slices.Contains(codes, r.code) {
						t.Errorf("%v ends with %d, want %v: %s%s", args, r.code, codes, r.stdout, r.stderr)
					}
					if codes[0] == works {
						continue
					}
					r.failure(t)
					for _, e := range w.proxy.Log()[before:] {
						if e.Op == storage.OpPut || e.Op == storage.OpDelete {
							t.Errorf("%v has sent %s %s", args, e.Op, e.Key)
						}
					}
				}
			})
		}
	}
}

// TestTrapsSayWhatTheyAre: what is wrong is in the error's code, and the hint says what to
// do about it.
func TestTrapsSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	other := newIdentity(t).recipient
	for _, c := range []struct {
		knows, trap, code string
		flags             []string
	}{
		{"state", "plain", "not_encrypted", nil},
		{"writer key", "plain", "not_encrypted", nil},
		{"recipient", "plain", "not_encrypted", nil},
		{"writer key", "swapped", "key_wrong", nil},
		{"none", "itself", "key_missing", nil},
		{"recipient", "itself", "key_missing", nil},
		{"recipient", "swapped", "key_missing", nil},
		{"state", "itself", "recipients_differ", []string{"-r", other}},
		{"writer key", "itself", "recipients_differ", []string{"-r", other}},
	} {
		t.Run(c.knows+"/"+c.trap, func(t *testing.T) {
			t.Parallel()
			w := newTrap(t, c.knows)
			w.put(t, traps[c.trap](t, w))
			f := w.host.gbak(t, append([]string{"backup", w.db, w.proxy.Address, "--no-hold", "--json"}, append(w.flags, c.flags...)...)...).want(t, exitKeys).failure(t)
			if f.Code != c.code {
				t.Errorf("the error is %+v, want the code %s", f, c.code)
			}
			if c.code == "key_missing" && c.trap == "itself" && !strings.Contains(f.Message+f.Hint, w.identity.recipient) {
				t.Errorf("it does not say whose identity would do: %+v", f)
			}
		})
	}
}
