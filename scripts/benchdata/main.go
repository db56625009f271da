// Command benchdata makes databases of generation 0.6 for scripts/bench.sh: valid
// ones, of any size, with what databases store in them.
//
//	benchdata -out db.grafeo -size 2147483648 [-changed scattered|clustered] [-texts] [-segments 1000 -segment-size 368000]
//
// The image has rows of ids, numbers and a few words; with -texts, sentences.
// -changed gives 1 % of the image's pages of 4 KiB another content than an image
// of the same size has without it. -segments makes a log of so many segments.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

const pageSize = 4096

func main() {
	out := flag.String("out", "", "path of the database")
	size := flag.Int64("size", 2<<30, "of the image, in bytes")
	changed := flag.String("changed", "", "which pages have another content: scattered or clustered")
	sentences := flag.Bool("texts", false, "texts instead of rows")
	segments := flag.Int("segments", 0, "of the log")
	segmentSize := flag.Int("segment-size", 368_000, "of each of them, in bytes")
	flag.Parse()
	err := image(*out, *size, *changed, *sentences)
	if err == nil && *segments > 0 {
		err = wal(*out+".wal", *segments, *segmentSize)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchdata:", err)
		os.Exit(1)
	}
}

func image(path string, size int64, changed string, sentences bool) error {
	if path == "" {
		return errors.New("-out is missing")
	}
	pages := (size + pageSize - 1) / pageSize
	isChanged := map[string]func(page int64) bool{
		"":          func(int64) bool { return false },
		"scattered": func(page int64) bool { return page*2654435761%(1<<32)/1000*100 < 1<<32/1000 },
		"clustered": func(page int64) bool { return page >= pages/2 && page < pages/2+pages/100 },
	}[changed]
	if isChanged == nil {
		return fmt.Errorf("-changed %s: it is scattered or clustered", changed)
	}
	iteration := uint64(1)
	if changed != "" {
		iteration = 2
	}
	content := grafeotest.Rows
	if sentences {
		content = newVocabulary().texts
	}
	const chunk = 1 << 20
	return grafeotest.Image06(path, grafeotest.Image06Options{
		Iteration: iteration, Epoch: 7, Size: size, ChunkSize: chunk,
		Content: func(p []byte, n int) {
			for at := 0; at < len(p); at += pageSize {
				page := int64(n*chunk+at) / pageSize
				seed := uint64(page)
				if isChanged(page) {
					seed |= 1 << 40
				}
				content(p[at:min(at+pageSize, len(p))], seed)
			}
		},
	})
}

func wal(dir string, segments, bytes int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	log, err := grafeotest.NewLog06(dir, [16]byte{}, 0)
	if err != nil {
		return err
	}
	rows := make([]byte, bytes)
	for i := range segments {
		grafeotest.Rows(rows, uint64(i)|1<<41)
		err = log.Append(grafeotest.Group06{Epoch: uint64(8 + i), Transaction: 2, Records: rows})
		if err == nil && i < segments-1 {
			err = log.Rotate()
		}
		if err != nil {
			return errors.Join(err, log.Close())
		}
	}
	return log.Close()
}
