package main

import (
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
)

// askEach is how long an archive may say nothing while a page or metrics say that it is safe.
const askEach = 15 * time.Minute

// provedForPage is how many requests a day show what the newest drill of an archive says.
const provedForPage = 6

// storeCheck is how long a store may say nothing; 0 for any time.
func (w *watching) storeCheck() time.Duration {
	if w.config.StoreCheck != nil {
		return *w.config.StoreCheck
	}
	return watch.DefaultStoreCheck
}

// askEach is how long each archive may say nothing; 0 for any time, as where nobody calls it safe.
func (w *watching) askEach() time.Duration {
	if w.config.Listen == "" || w.storeCheck() == 0 {
		return 0
	}
	return min(askEach, w.storeCheck())
}

func (w *watching) hasPage() bool { return w.config.Listen != "" && w.config.Page != config.PageOff }

// requestsADay is how many requests a day ask an archive that often whether it is as it was: one each time,
// and once an hour three, which read its end.
func requestsADay(each time.Duration) int {
	const day, more = 24 * time.Hour, 2
	if each <= 0 {
		return 0
	}
	return int(day/each) + more*int(day/max(each, archiver.RereadEvery))
}

// whileIdle says what is asked of archives and stores while nothing is new.
func (w *watching) whileIdle() string {
	page := 0
	if w.hasPage() {
		page = provedForPage
	}
	if each := w.askEach(); each > 0 {
		return fmt.Sprintf("%d requests a day for each archive, which is asked every %s whether it is still there", requestsADay(each)+page, age(each))
	}
	text := fmt.Sprintf("%d requests a day for each store", requestsADay(w.storeCheck()))
	if page > 0 {
		text += fmt.Sprintf(", and %d for each archive, for the status page", page)
	}
	return text
}
