package verify

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// logs reads the log of every chain as the database would: every frame has its checksum,
// the files continue each other, and the last commit ends where the last file does. A
// chain with a backup that is not whole is left out: what is wrong with it has been found.
func (v *verification) logs(ctx context.Context, c *catalog.Catalog, whole map[manifest.Seq]*manifest.Index) error {
	continued := map[manifest.Seq]bool{}
	for _, m := range c.All() {
		if m.Kind == manifest.Incremental {
			continued[*m.Continues] = true
		}
	}
	for _, m := range c.All() {
		if continued[m.Seq] {
			continue
		}
		chain := c.ChainTo(m)
		if chain == nil {
			v.find(m.Key(), "a backup that it continues is missing or damaged")
			continue
		}
		indexes := make([]*manifest.Index, 0, len(chain))
		for _, m := range chain {
			if ix := whole[m.Seq]; ix != nil {
				indexes = append(indexes, ix)
			}
		}
		if len(indexes) < len(chain) {
			continue
		}
		plan, err := catalog.NewPlan(&catalog.Route{Chain: chain}, indexes, catalog.Target{})
		if err != nil {
			return v.pass(err)
		}
		if err := v.log(ctx, plan, newClaims(chain, indexes)); err != nil {
			return err
		}
	}
	return nil
}

// log reads the log of one chain, and compares it with the claims.
func (v *verification) log(ctx context.Context, plan *catalog.Plan, claims *claims) error {
	m := plan.Route.Last()
	var readers []io.Reader
	var files []*manifest.File
	archived, err := fetch.Open(ctx, v.store, plan.Index)
	if err != nil {
		return err
	}
	defer archived.Close()
	for _, f := range plan.LogFiles() {
		readers = append(readers, io.NewSectionReader(archived.Of(f), 0, f.Bytes))
		files = append(files, f)
	}
	if grafeo.Generation(m.Database.Generation) == grafeo.Gen06 {
		err = checkLog06(m, files, readers, claims.visit)
	} else {
		err = checkLog05(plan.Route.Chain, files, readers, claims.visit)
	}
	if err == nil {
		err = claims.check()
	}
	object, aboutObject := errors.AsType[*manifest.ObjectError](err)
	switch {
	case err == nil:
	case aboutObject:
		v.find(object.Key, object.Problem)
	case ctx.Err() != nil, objects.IsFromStore(err):
		return err
	default:
		v.find(m.Key(), fmt.Sprintf("the log: %v", err))
	}
	return nil
}

// checkLog05 reads the files of a log as one: a commit may run over the end of a file.
func checkLog05(chain []*manifest.Committed, files []*manifest.File, readers []io.Reader, visit func(*grafeo.Commit)) error {
	var bytes int64
	var borders []int64
	for _, f := range files {
		for _, b := range catalog.Borders(chain...) {
			if f.Name == grafeo.LogName(grafeo.Gen05, b.File) {
				borders = append(borders, bytes+b.Offset)
			}
		}
		bytes += f.Bytes
	}
	_, err := readToEnd(grafeo.NewReader05(io.MultiReader(readers...), "log", borders...), bytes, visit)
	return err
}

// checkLog06 reads the files of a log one after the other, each of which continues the
// one before.
func checkLog06(m *manifest.Committed, files []*manifest.File, readers []io.Reader, visit func(*grafeo.Commit)) error {
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
		last, err := readToEnd(r, f.Bytes, visit)
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

// readToEnd reads all commits, shows them to visit, demands that the last one
// ends at bytes, and returns it.
func readToEnd(r logReader, bytes int64, visit func(*grafeo.Commit)) (last grafeo.Commit, err error) {
	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return last, err
		}
		last = c
		visit(&last)
	}
	if end, _ := r.End(); end != bytes {
		return last, fmt.Errorf("its last commit ends at %d and not at %d", end, bytes)
	}
	return last, nil
}
