package manifest

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Spilled is a file of a database's spill folder, with what shows the next run whether
// it has changed (FORMAT.md, "Spilled vectors").
type Spilled struct {
	Name   string `json:"name"` // as in the index
	Bytes  int64  `json:"bytes"`
	SHA256 Digest `json:"sha256"` // of its content

	// State changes with every change of the file on its host. It is "" if changes
	// cannot be detected there: then the content is compared.
	State string `json:"state"`
}

// The names of a spill folder's files in an index begin with one of these.
const (
	spillPrefix = "spill/"
	keptPrefix  = "spill/kept/"
)

// maxFileName is the length of the longest file name, in bytes.
const maxFileName = 255

// SpillName returns the [File.Name] of the file with this base name in a spill folder,
// or with kept in the folder of what the database has set aside there.
func SpillName(base string, kept bool) string {
	if kept {
		return keptPrefix + base
	}
	return spillPrefix + base
}

// IsSpillName reports whether name is that of a file of the spill folder.
func IsSpillName(name string) bool { return strings.HasPrefix(name, spillPrefix) }

// SplitSpillName is the reverse of [SpillName]. ok is false for every name that is not
// exactly that of one file: what is restored under a name never leaves the spill folder.
func SplitSpillName(name string) (base string, kept, ok bool) {
	base, ok = strings.CutPrefix(name, spillPrefix)
	if inner, found := strings.CutPrefix(base, "kept/"); found {
		base, kept = inner, true
	}
	isFolder := !kept && base == "kept"
	ok = ok && base != "" && base != "." && base != ".." && !isFolder &&
		len(base) <= maxFileName && !strings.ContainsAny(base, "/\x00") && utf8.ValidString(base)
	return base, kept, ok
}

// IsLogName reports whether name is that of a log file.
func IsLogName(name string) bool { return logName.MatchString(name) }

func validName(name string) bool {
	_, _, spilled := SplitSpillName(name)
	return name == ImageName || IsLogName(name) || spilled
}

func (m *Manifest) validateSpill() error {
	seen := make(map[string]bool, len(m.Spill))
	for _, s := range m.Spill {
		if _, _, ok := SplitSpillName(s.Name); !ok || seen[s.Name] || s.Bytes < 0 {
			return fmt.Errorf("the spilled file %q of %d bytes", s.Name, s.Bytes)
		}
		seen[s.Name] = true
	}
	return nil
}

// fitsSpill returns an error if ix does not have the files of the spill folder that m
// names: all of them in a full backup, and none in an incremental.
func (m *Manifest) fitsSpill(ix *Index) error {
	var want map[string]int64
	if m.Kind == Full {
		want = make(map[string]int64, len(m.Spill))
		for _, s := range m.Spill {
			want[s.Name] = s.Bytes
		}
	}
	for i := range ix.Files {
		f := &ix.Files[i]
		if !IsSpillName(f.Name) {
			continue
		}
		if bytes, ok := want[f.Name]; !ok || bytes != f.Bytes {
			return fmt.Errorf("it has %s of %d bytes, and does not say so", f.Name, f.Bytes)
		}
		delete(want, f.Name)
	}
	for name := range want {
		return fmt.Errorf("it says that it has %s, and does not", name)
	}
	return nil
}
