package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/page/render"
)

// pages answers what people look at. Each answer is made of one snapshot: no request asks a store,
// or reads a disk.
type pages struct {
	status func() *page.Status
	log    *slog.Logger
}

// index answers with all databases.
func (p pages) index(w http.ResponseWriter, _ *http.Request) {
	p.answer(w, "text/html; charset=utf-8", func(w io.Writer) error { return render.Index(w, p.status()) })
}

// database answers with one database.
func (p pages) database(w http.ResponseWriter, r *http.Request) {
	p.answer(w, "text/html; charset=utf-8", func(w io.Writer) error { return render.Database(w, p.status(), r.PathValue("name")) })
}

// json answers with the same for programs.
func (p pages) json(w http.ResponseWriter, _ *http.Request) {
	p.answer(w, "application/json", func(w io.Writer) error { return json.NewEncoder(w).Encode(watchStatus(p.status())) })
}

// answer answers with what make writes, or, if that fails in whatever way, with 500: backups do not
// notice.
func (p pages) answer(w http.ResponseWriter, kind string, make func(io.Writer) error) {
	var body bytes.Buffer
	switch err := safely(func() error { return make(&body) }); {
	case errors.Is(err, render.ErrNoDatabase):
		http.Error(w, "No database of that name is watched.", http.StatusNotFound)
	case err != nil:
		p.log.Error("the status page cannot be made: this is a fault of the program, and backups go on", "err", err)
		http.Error(w, "The page cannot be made. The log of the watcher says why.", http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Security-Policy", policy)
		_, _ = w.Write(body.Bytes()) // who has gone needs no answer
	}
}

// safely makes an error of a panic.
func safely(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return do()
}
