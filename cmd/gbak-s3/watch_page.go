package main

import (
	"strings"

	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
	"github.com/gbak-s3/gbak-s3/internal/watch/server"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3"
)

// page says what the status page shows beside the state of the watcher; nil for no page.
func (w *watching) page() *server.Page {
	if w.config.Page == config.PageOff {
		return nil
	}
	return &server.Page{
		IsFull: w.config.Page == config.PageFull, Version: version(), Recent: w.recent,
		Problems: w.problems, Restore: restoreOf, Price: priceOf,
	}
}

// problems are those of the watcher itself.
func (w *watching) problems() []page.Problem {
	var all []page.Problem
	w.mu.Lock()
	isRefused := w.refused
	w.mu.Unlock()
	if isRefused {
		all = append(all, page.Problem{
			What: "The configuration was read again and is not used", Text: "All stays as it was before.", Hint: "`gbak-s3 watch --config FILE --check` says what is wrong with it.",
		})
	}
	if w.folders.isPartial.Load() {
		all = append(all, page.Problem{
			What: "Not all databases are watched", Text: "Some below the folders cannot be seen, or cannot have the archive that they should.", Hint: partialHint,
		})
	}
	return all
}

// restoreOf returns the command that restores a target into a new file, and what people have to
// add to it. What an address has after its "?" is not shown: it says how to get there, and may say
// more than people should see.
func restoreOf(t watch.Target, isEncrypted bool) (command, remark string) {
	words := []string{"gbak-s3", "restore"}
	var remarks []string
	if isEncrypted {
		words = append(words, "-i", "IDENTITY")
		remarks = append(remarks, "IDENTITY is the file with a key that opens the archive.")
	}
	place, query, hasQuery := strings.Cut(t.Address, "?")
	if !isBucket(t.Address) {
		place, hasQuery = absolute(t.Address), false
	}
	if hasQuery && query != "" {
		remarks = append(remarks, "The address goes on with `?` as in the configuration: it says how to get there.")
	}
	if page.Address(place) != place { // who copies a command has to see all of it
		place = "ARCHIVE"
		remarks = append(remarks, "ARCHIVE is the address as in the configuration, which cannot be shown as it is.")
	}
	name := t.Name[strings.LastIndexByte(t.Name, '/')+1:]
	if page.Name(name) != name {
		name = "database"
	}
	words = append(words, quote(place), quote(strings.TrimPrefix(name, "-")+"-restored.grafeo"))
	return strings.Join(words, " "), strings.Join(remarks, " ")
}

// priceOf returns what requests cost at the list prices of S3, and whether anybody is paid.
func priceOf(t watch.Target, r storage.RequestCounts) (usd float64, isPaid bool) {
	return s3.RequestsPrice(r), isBucket(t.Address)
}
