package archiver

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// log reads the archived log of one backup as the database would: every frame
// has its checksum, the files continue each other, and the last commit ends
// where the last file does.
func (v *verification) log(ctx context.Context, m *committed, ix *manifest.Index) error {
	var readers []io.Reader
	var files []*manifest.File
	for i := range ix.Files {
		f := &ix.Files[i]
		if f.Name == manifest.ImageName {
			continue
		}
		r, err := v.archive.openFile(ctx, ix, f)
		if err != nil {
			return err
		}
		defer r.close()
		readers = append(readers, io.NewSectionReader(r, 0, f.Bytes))
		files = append(files, f)
	}
	var err error
	if grafeo.Generation(m.Database.Generation) == grafeo.Gen06 {
		err = checkLog06(m, files, readers)
	} else {
		// A commit may run over the end of a file, so they are read as one.
		var bytes int64
		for _, f := range files {
			bytes += f.Bytes
		}
		_, err = readToEnd(grafeo.NewReader05(io.MultiReader(readers...), "log"), bytes)
	}
	var object *ObjectError
	switch {
	case err == nil:
	case errors.As(err, &object):
		v.find(object.Key, object.Problem)
	case ctx.Err() != nil, isStorage(err):
		return err
	default:
		v.find(m.Seq.Key(), fmt.Sprintf("the log: %v", err))
	}
	return nil
}

func checkLog06(m *committed, files []*manifest.File, readers []io.Reader) error {
	var next uint64
	for i, f := range files {
		r, err := grafeo.NewReader06(readers[i], f.Name)
		if err != nil {
			return err
		}
		header := r.Header()
		if header.DatabaseID != m.Database.ID {
			return &grafeo.WrongDatabaseError{Path: f.Name, Want: m.Database.ID, Got: header.DatabaseID}
		}
		if i > 0 && header.FirstLSN != next {
			return &grafeo.GapError{Path: f.Name, What: "it does not continue the segment before", Want: next, Got: header.FirstLSN}
		}
		last, err := readToEnd(r, f.Bytes)
		if err != nil {
			return err
		}
		next = max(header.FirstLSN, last.EndLSN)
	}
	return nil
}

// logReader is what the readers of both generations can do.
type logReader interface {
	Next() (grafeo.Commit, error)
	End() (offset int64, crc uint32)
}

// readToEnd reads all commits, demands that the last one ends at bytes, and
// returns it.
func readToEnd(r logReader, bytes int64) (last grafeo.Commit, err error) {
	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return last, err
		}
		last = c
	}
	if end, _ := r.End(); end != bytes {
		return last, fmt.Errorf("its last commit ends at %d and not at %d", end, bytes)
	}
	return last, nil
}
