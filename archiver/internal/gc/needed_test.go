package gc

import (
	"errors"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// A needed record is read whole, with its index. Of others it is enough that they are there.
func TestNeededRecords(t *testing.T) {
	const inlined, large, merged = 2, 3, 6
	build := func() (*world, *manifest.Committed) {
		w := numbered(t, "fi")
		w.backup(manifest.Incremental, w.folder(), content{segments: 1, large: true})
		w.backup(manifest.Incremental, w.folder(), content{inline: true})
		w.backup(manifest.Incremental, w.folder(), content{inline: true})
		w.merge(4, 5, content{segments: 1})
		w.backup(manifest.Incremental, w.folder(), content{inline: true})
		return w, w.keep([]manifest.Seq{1, 2, 3, 6, 7}, []manifest.StandIn{*w.merged}, 0, false)
	}
	forge := func(w *world, seq manifest.Seq, change func(m *manifest.Manifest)) {
		m := *w.kinds[seq]
		change(&m)
		w.store(seq.Key(), string(m.Encode()))
	}
	for name, c := range map[string]struct {
		seq   manifest.Seq
		key   string // of what is damaged, if that is not the manifest
		harm  func(w *world)
		known bool // whether or not it is needed
	}{
		"whole":                    {inlined, "", func(*world) {}, false},
		"a damaged manifest":       {inlined, "", func(w *world) { w.overwrite(manifest.Seq(inlined).Key()) }, false},
		"a missing manifest":       {inlined, "", func(w *world) { w.delete(manifest.Seq(inlined).Key()) }, true},
		"a damaged merged record":  {merged, "", func(w *world) { w.overwrite(manifest.Seq(merged).Key()) }, false},
		"that of another backup":   {inlined, "", func(w *world) { w.store(manifest.Seq(inlined).Key(), string(w.kinds[7].Encode())) }, false},
		"one with another outline": {inlined, "", func(w *world) { forge(w, inlined, func(m *manifest.Manifest) { m.Host = "elsewhere" }) }, false},
		"one with less in it": {inlined, "", func(w *world) {
			forge(w, inlined, func(m *manifest.Manifest) { m.Content = &manifest.Index{} })
		}, false},
		"a full one with another outline": {1, "", func(w *world) { forge(w, 1, func(m *manifest.Manifest) { m.Host = "elsewhere" }) }, false},
		"a damaged index":                 {large, "index", func(w *world) { w.overwrite(w.kinds[large].Index.Key) }, false},
		"a missing index":                 {large, "index", func(w *world) { w.delete(w.kinds[large].Index.Key) }, false},
	} {
		w, k := build()
		key := c.seq.Key()
		if c.key != "" {
			key = w.kinds[c.seq].Index.Key
		}
		c.harm(w)
		_, err := w.read(w.memory, k)
		if damage, ok := errors.AsType[*manifest.ObjectError](err); ok != c.known || ok && damage.Key != key {
			t.Errorf("%s, not needed: %v", name, err)
		}
		_, err = w.read(w.memory, k, 1, 2, 3, 6, 7)
		if damage, ok := errors.AsType[*manifest.ObjectError](err); ok != (name != "whole") || ok && damage.Key != key {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A needed record takes a request, and one more if its index is an object; a full one takes
// none that it does not take anyway.
func TestRequestsOfNeededRecords(t *testing.T) {
	w := numbered(t, "f"+repeat("i", 40))
	w.backup(manifest.Incremental, w.folder(), content{segments: 1, large: true})
	records, _ := w.living()
	k := w.keep(records, nil, 0, false)
	gets := func(needed ...manifest.Seq) (n int) {
		before := len(w.memory.Calls())
		if _, err := w.read(w.memory, k, needed...); err != nil {
			t.Fatal(err)
		}
		for _, call := range w.memory.Calls()[before:] {
			if call.Op == storage.OpGet {
				n++
			}
		}
		return n
	}
	if more := gets(records...) - gets(); more != 41+1 {
		t.Errorf("%d requests more", more)
	}
}
