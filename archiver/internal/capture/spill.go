package capture

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// This file is about the spill folder of a database: vectors that are nowhere else
// (docs/grafeo-format.md, section 2.5). A full source has its files, and a source is
// incremental only if they have not changed since the parent.

// ListSpill returns the files of the spill folder of the database at path. If path is a
// link, the folder may be beside the one name or the other, but not beside both.
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
		return files, nil //nolint:nilerr // whoever opens the database reports it
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

// SpillNameError is the error for a file of a spill folder whose name an archive cannot
// have.
type SpillNameError struct{ Path string }

func (e *SpillNameError) Error() string {
	return fmt.Sprintf("%q cannot be archived under its name", e.Path)
}

// TwoSpillsError is the error for a database with spilled vectors beside two of its names:
// that of a link, and that of the file.
type TwoSpillsError struct{ Link, File string }

func (e *TwoSpillsError) Error() string {
	return fmt.Sprintf("%s is a link to %s, and there are spilled vectors beside both", e.Link, e.File)
}

func spillName(f *grafeo.SpillFile) string { return manifest.SpillName(f.Base, f.Kept) }

// CheckSpill checks the headers of files of a spill folder.
func CheckSpill(files []grafeo.SpillFile) error {
	for _, f := range files {
		in, err := shared.Open(f.Path)
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

// ProveSpill reads the files of the spill folder, and adds what they have now to the source:
// they have no checksums of their own. [Source.CheckSpillUnchanged] proves the rest.
//
// damaged has the files whose headers are wrong. The caller passes it as known when it
// captures the same database again: what is damaged twice, with the same bytes, is no
// writer's doing and is archived as it is, as Grafeo opens the database without it. Any
// other damage is an error as well.
func (s *Source) ProveSpill(known []string) (damaged []string, err error) {
	s.Spilled = nil
	var torn error
	for _, f := range s.spill {
		entry, proof, problem, err := readSpilled(&f)
		if err != nil {
			return damaged, err
		}
		if problem != nil {
			what := fmt.Sprintf("%v (%s)", problem, entry.SHA256)
			if damaged = append(damaged, what); !slices.Contains(known, what) && torn == nil {
				torn = problem
			}
		}
		i := slices.IndexFunc(s.Files, func(x File) bool { return x.Name == entry.Name })
		s.Files[i].Proof = proof
		s.Spilled = append(s.Spilled, entry)
	}
	return damaged, torn
}

// readSpilled reads a file of a spill folder. problem is set if its header is wrong.
func readSpilled(f *grafeo.SpillFile) (entry manifest.Spilled, proof *grafeo.Proof, problem, err error) {
	state := disk.State(f.Path, time.Now())
	in, err := shared.Open(f.Path)
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

// CheckSpillUnchanged checks that the spill folder is as it was when the source was
// captured. If not, the read was torn.
func (s *Source) CheckSpillUnchanged() error {
	now, err := ListSpill(s.Path)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(now, s.spill, func(a, b grafeo.SpillFile) bool { return a.IsSame(&b) }) {
		return &grafeo.DamageError{Path: grafeo.SpillDir(s.Path), What: "the spilled vectors have changed while they were read"}
	}
	return nil
}

// checkSpillUnchanged compares the spill folder of the database at path with that of the
// parent, and returns what it has now. If that is not the same, the error is a
// [*NotContinuedError].
func checkSpillUnchanged(path string, parent *manifest.Committed) (now []manifest.Spilled, err error) {
	files, err := ListSpill(path)
	if err != nil {
		return nil, err
	}
	old := make(map[string]manifest.Spilled, len(parent.Spill))
	for _, s := range parent.Spill {
		old[s.Name] = s
	}
	changed := func(name, how string) error {
		return notContinued("the spilled vectors have changed since backup %d: %s %s", parent.Seq, name, how)
	}
	for _, f := range files {
		entry, known := old[spillName(&f)]
		switch {
		case !known:
			return nil, changed(f.Path, "is new")
		case entry.Bytes != f.Info.Size():
			return nil, changed(f.Path, "has a different size")
		case entry.State == "" || entry.State != disk.State(f.Path, time.Now()):
			read, _, _, err := readSpilled(&f)
			if err != nil {
				return nil, err
			}
			if read.SHA256 != entry.SHA256 {
				return nil, changed(f.Path, "has different content")
			}
			entry = read
		}
		now = append(now, entry)
		delete(old, entry.Name)
	}
	for _, s := range parent.Spill {
		if _, gone := old[s.Name]; gone {
			base, kept, _ := manifest.SplitSpillName(s.Name)
			return nil, changed(grafeo.SpillPath(path, base, kept), "is gone")
		}
	}
	return now, nil
}
