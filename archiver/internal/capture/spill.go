package capture

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// This file is about the spill folder of a database: vectors that are nowhere else
// (docs/grafeo-format.md, section 2.5). A full backup has its files, and an
// incremental is one only if they have not changed since.

// ListSpill lists the spill folder of the database at path. Where path is a link, the
// folder is beside the one or the other name.
func ListSpill(path string) ([]grafeo.SpillFile, error) {
	files, err := grafeo.ListSpill(path)
	if err == nil {
		files, err = besideLink(path, files)
	}
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if _, _, ok := manifest.SplitSpillName(spillName(&f)); !ok {
			return nil, &SpillNameError{f.Path}
		}
	}
	return files, nil
}

func besideLink(path string, files []grafeo.SpillFile) ([]grafeo.SpillFile, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil || real == filepath.Clean(path) || disk.IsSame(grafeo.SpillDir(real), grafeo.SpillDir(path)) {
		return files, nil //nolint:nilerr // it is said elsewhere
	}
	there, err := grafeo.ListSpill(real)
	switch {
	case err != nil, len(there) == 0:
		return files, err
	case len(files) == 0:
		return there, nil
	}
	return nil, &TwoSpillsError{path, real}
}

// SpillNameError is the error for a file of a spill folder that an archive cannot have
// under its name.
type SpillNameError struct{ Path string }

func (e *SpillNameError) Error() string {
	return fmt.Sprintf("%q cannot be archived under its name", e.Path)
}

// TwoSpillsError is the error for a database that has spilled vectors beside two of its
// names: that of a link, and that of the file.
type TwoSpillsError struct{ Link, File string }

func (e *TwoSpillsError) Error() string {
	return fmt.Sprintf("%s is a link to %s, and there are spilled vectors beside both", e.Link, e.File)
}

func spillName(f *grafeo.SpillFile) string { return manifest.SpillName(f.Base, f.Kept) }

// CheckSpill reads the headers of files of a spill folder.
func CheckSpill(files []grafeo.SpillFile) error {
	for _, f := range files {
		in, err := os.Open(f.Path)
		if err != nil {
			return err
		}
		err = f.Check(in)
		_ = in.Close() // it was only read
		if err != nil {
			return err
		}
	}
	return nil
}

// Full is [capture] with the spill folder. That is listed before anything else is
// read: if it is the same when all is stored, it was at every moment between, whatever
// image that has found.
func Full(path string, before *manifest.Committed, held bool) (*Source, error) {
	spill, err := ListSpill(path)
	if err != nil {
		return nil, err
	}
	s, err := capture(path, before, held)
	if err != nil {
		return nil, err
	}
	s.spill = spill
	for _, f := range spill {
		s.Files = append(s.Files, File{Name: spillName(&f), Path: f.Path, Bytes: f.Info.Size()})
	}
	return s, nil
}

// ProveSpill reads the files of the spill folder. They have no checksums of their own:
// what is stored is proved by those that they have now, and by [source.spillStays].
//
// short is which of them have a header that does not fit, as this has found before for
// the same database, and then as it has found now. What is so twice, with the same bytes,
// is no writer's doing and is archived as it is: Grafeo opens the database without it.
func (s *Source) ProveSpill(short *[]string) error {
	before := *short
	*short, s.Spilled = nil, nil
	var torn error
	for _, f := range s.spill {
		entry, proof, problem, err := readSpilled(&f)
		if err != nil {
			return err
		}
		if problem != nil {
			what := fmt.Sprintf("%v (%s)", problem, entry.SHA256)
			if *short = append(*short, what); !slices.Contains(before, what) && torn == nil {
				torn = problem
			}
		}
		i := slices.IndexFunc(s.Files, func(x File) bool { return x.Name == entry.Name })
		s.Files[i].Proof = proof
		s.Spilled = append(s.Spilled, entry)
	}
	return torn
}

// readSpilled reads a file of a spill folder. problem is set if its header is wrong.
func readSpilled(f *grafeo.SpillFile) (entry manifest.Spilled, proof *grafeo.Proof, problem, err error) {
	state := disk.State(f.Path, time.Now())
	in, err := os.Open(f.Path)
	if err != nil {
		return entry, nil, nil, err
	}
	defer disk.CloseRead(in)
	sha, crc := sha256.New(), crc32.NewIEEE()
	n, err := io.Copy(io.MultiWriter(sha, crc), in)
	if err != nil {
		return entry, nil, nil, err
	}
	if n != f.Info.Size() {
		return entry, nil, nil, &grafeo.DamageError{Path: f.Path, Offset: n, What: "it has changed while it was read"}
	}
	entry = manifest.Spilled{Name: spillName(f), Bytes: n, SHA256: manifest.Digest(sha.Sum(nil)), State: state}
	proof = grafeo.NewProof(f.Path, []grafeo.Range{{Length: n, CRC32: crc.Sum32(), What: "spilled vectors"}})
	problem = f.Check(in)
	if problem != nil && !errors.Is(problem, grafeo.ErrDamaged) {
		return entry, nil, nil, problem
	}
	return entry, proof, problem, nil
}

// SpillStays is nil if the spill folder is as it was when s was captured.
func (s *Source) SpillStays() error {
	now, err := ListSpill(s.Path)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(now, s.spill, func(a, b grafeo.SpillFile) bool { return a.IsSame(&b) }) {
		return &grafeo.DamageError{Path: grafeo.SpillDir(s.Path), What: "the spilled vectors have changed while they were read"}
	}
	return nil
}

// spillSince compares the spill folder of the database at path with that of the backup
// before. If it has changed, why says how.
func spillSince(path string, before *manifest.Committed) (now []manifest.Spilled, why string, err error) {
	files, err := ListSpill(path)
	if err != nil {
		return nil, "", err
	}
	old := make(map[string]manifest.Spilled, len(before.Spill))
	for _, s := range before.Spill {
		old[s.Name] = s
	}
	changed := func(name, how string) string {
		return fmt.Sprintf("the spilled vectors have changed since backup %d: %s %s", before.Seq, name, how)
	}
	for _, f := range files {
		entry, known := old[spillName(&f)]
		switch {
		case !known:
			return nil, changed(f.Path, "is new"), nil
		case entry.Bytes != f.Info.Size():
			return nil, changed(f.Path, "has a different size"), nil
		case entry.State == "" || entry.State != disk.State(f.Path, time.Now()):
			read, _, _, err := readSpilled(&f)
			if err != nil {
				return nil, "", err
			}
			if read.SHA256 != entry.SHA256 {
				return nil, changed(f.Path, "has different content"), nil
			}
			entry = read
		}
		now = append(now, entry)
		delete(old, entry.Name)
	}
	for _, s := range before.Spill {
		if _, gone := old[s.Name]; gone {
			base, kept, _ := manifest.SplitSpillName(s.Name)
			return nil, changed(grafeo.SpillPath(path, base, kept), "is gone"), nil
		}
	}
	return now, "", nil
}
