package manifest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sampleKeyList is a list of keys with two generations. It has no real ones.
func sampleKeyList() *KeyList {
	return &KeyList{
		Generations: []KeyGeneration{
			{Number: 1, From: 1, Data: "age1data", Catalog: "age1catalog"},
			{Number: 2, From: 8, Data: "age1data2", Catalog: "age1catalog2", Handover: []byte("handover"), MAC: &Digest{7}},
		},
		Recipients: []Recipient{{"age1somebody", X25519}, {"age1pq1somebody", Hybrid}, {"passphrase-1", Passphrase}},
		Wraps:      [][]byte{[]byte("a wrap"), []byte("another"), []byte("a third")},
	}
}

// sampleSealed is a full backup of an encrypted archive.
func sampleSealed() *Manifest {
	m := sample()
	m.Keys, m.Generation, m.KeyList = 7, 2, sampleKeyList()
	return m
}

// sampleKeyChange is a record of kind keys.
func sampleKeyChange() *Manifest {
	list, newest := sampleKeyList(), Seq(6)
	return &Manifest{
		Seq: 7, CommitID: strings.Repeat("ab", 16), Previous: &Digest{1}, ArchiveID: strings.Repeat("cd", 16),
		CreatedAt: sample().CreatedAt, ReadUntil: sample().ReadUntil, Kind: KeyChange, Database: sample().Database, Timelines: 1,
		LastBackup: &newest, Keys: 7, Generation: 1, KeyList: list,
	}
}

// sampleSealedArchive is archive.json of an encrypted archive, as it is without encryption.
func sampleSealedArchive() *Archive {
	list := sampleKeyList()
	list.Generations = list.Generations[:1]
	return &Archive{
		ArchiveID: strings.Repeat("cd", 16), CreatedAt: sample().CreatedAt, Tool: "gbak-s3 v1.2.3",
		Encryption: &Encryption{Scheme: Scheme, Keys: *list},
	}
}

func noSeal(b []byte) ([]byte, error)       { return append([]byte("sealed: "), b...), nil }
func noMAC([]byte) (Digest, error)          { return Digest{9}, nil }
func storedForm(b []byte, err error) []byte { return b }
func unsealed(b []byte) []byte              { return bytes.TrimPrefix(b, []byte("sealed: ")) }
func storedManifest(m *Manifest) []byte     { return storedForm(m.Seal(noSeal, noMAC)) }
func storedArchive(a *Archive) []byte       { return storedForm(a.Seal(noSeal, noMAC)) }
func storedFence(generation int) []byte {
	return storedForm((&Fence{ArchiveID: strings.Repeat("cd", 16), Keep: 3, Generation: generation}).Seal(noMAC))
}
func withText(b []byte, from, to string) []byte {
	line := b[:bytes.IndexByte(b, '\n')+1]
	line = bytes.Replace(line, []byte(from), []byte(to), 1)
	return append(line, endWithMAC(line, Digest{9})...)
}

// What is stored has the document in it, and the same in the clear.
func TestSealedForms(t *testing.T) {
	t.Parallel()
	for _, m := range []*Manifest{sampleSealed(), sampleKeyChange()} {
		o, err := DecodeSealedManifest(storedManifest(m))
		if err != nil {
			t.Fatal(err)
		}
		document := unsealed(o.Sealed)
		if err := errors.Join(o.Agrees(document), o.CheckFormat()); err != nil || o.MAC != (Digest{9}) {
			t.Errorf("%v, MAC %s", err, o.MAC)
		}
		read, err := DecodeManifest(document)
		if diff := cmp.Diff(m, read); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		other := *m
		other.Generation++
		if err := o.Agrees(other.Encode()); !errors.Is(err, ErrDamaged) {
			t.Errorf("another generation: %v", err)
		}
	}
	a, err := DecodeSealedArchive(storedArchive(sampleSealedArchive()))
	if err != nil || a.Agrees(unsealed(a.Sealed)) != nil || a.CheckFormat() != nil {
		t.Errorf("%+v, %v", a, err)
	}
	if err := a.Agrees((&Archive{ArchiveID: a.ArchiveID}).Encode()); !errors.Is(err, ErrDamaged) {
		t.Errorf("without keys: %v", err)
	}
	f, line, mac, err := DecodeSealedFence(storedFence(2))
	if err != nil || f.Keep != 3 || f.Generation != 2 || mac != (Digest{9}) {
		t.Errorf("%+v, %s, %v", f, mac, err)
	}
	if read, err := DecodeFence(WithoutMAC(line)); err != nil || *read != *f {
		t.Errorf("%+v, %v", read, err)
	}
}

// A document of the other sort of archive is damaged, and so is one that contradicts itself. What
// only a newer version knows is told apart, but not believed before its MAC was checked.
func TestSealedDamage(t *testing.T) {
	t.Parallel()
	stored := storedManifest(sampleSealed())
	for name, b := range map[string][]byte{
		"nothing":         nil,
		"not encrypted":   sampleSealed().Encode(),
		"another type":    storedArchive(sampleSealedArchive()),
		"cut off":         stored[:len(stored)-1],
		"no generation":   withText(stored, `"generation":2`, `"generation":0`),
		"keys to come":    withText(stored, `"keys":7`, `"keys":43`),
		"no recipients":   withText(stored, `"recipients":[`, `"recipients":[],"x":[`),
		"a shown escape":  withText(stored, `"recipient":"age1somebody"`, `"recipient":"age1\u001b[2J"`),
		"no archive":      withText(stored, strings.Repeat("cd", 16), "cd"),
		"not a MAC":       bytes.Replace(stored, []byte(`"mac":"09`), []byte(`"mac":"0`), 1),
		"a third line":    append(bytes.Clone(stored), '\n'),
		"one of no keys":  withText(stored, `"number":2`, `"number":3`),
		"without a chain": withText(stored, `,"mac":"07`, `,"mad":"07`),
	} {
		if _, err := DecodeSealedManifest(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{"format": withText(stored, `"format":1`, `"format":2`), "field": withText(stored, `"format":1`, `"format":1,"colour":1`)} {
		m, err := DecodeSealedManifest(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := errors.AsType[*UnsupportedError](m.CheckFormat()); !ok {
			t.Errorf("%s: %v", name, m.CheckFormat())
		}
	}
	if _, err := DecodeManifest(stored); !errors.Is(err, ErrDamaged) {
		t.Errorf("in an archive that is not encrypted: %v", err)
	}
	if _, err := DecodeManifest(WithoutMAC(stored[:bytes.IndexByte(stored, '\n')+1])); !errors.Is(err, ErrDamaged) {
		t.Errorf("without its MAC: %v", err)
	}
	if _, _, _, err := DecodeSealedFence(storedFence(0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a fence of no generation: %v", err)
	}
}

// A record says of keys what is right for its kind.
func TestKeysOfRecords(t *testing.T) {
	t.Parallel()
	incremental := sampleIncremental()
	incremental.Keys, incremental.Generation = 7, 2
	if _, err := DecodeManifest(incremental.Encode()); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func() *Manifest{
		"a full backup without a list":      func() *Manifest { m := sampleSealed(); m.KeyList = nil; return m },
		"an incremental with one":           func() *Manifest { m := *incremental; m.KeyList = sampleKeyList(); return &m },
		"a list without encryption":         func() *Manifest { m := sampleSealed(); m.Generation = 0; return m },
		"keys without encryption":           func() *Manifest { m := *incremental; m.Generation = 0; return &m },
		"a backup with keys of its own":     func() *Manifest { m := sampleSealed(); m.Keys = m.Seq; return m },
		"keys of another record":            func() *Manifest { m := sampleKeyChange(); m.Keys = 6; return m },
		"keys with a state":                 func() *Manifest { m := sampleKeyChange(); m.EndEpoch = 1; return m },
		"keys without the newest backup":    func() *Manifest { m := sampleKeyChange(); m.LastBackup = nil; return m },
		"keys in an archive without":        func() *Manifest { m := sampleKeyChange(); m.Generation = 0; return m },
		"keys from a record that will come": func() *Manifest { m := sampleKeyChange(); m.KeyList.Generations[1].From = 9; return m },
	} {
		if _, err := DecodeManifest(change().Encode()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
