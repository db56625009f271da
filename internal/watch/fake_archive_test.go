package watch

import (
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// fakeArchive is an archive in a store, as far as the watcher can tell.
type fakeArchive struct {
	mu       sync.Mutex
	away     error // what each request answers; nil while the store is there
	latency  time.Duration
	requests storage.RequestCounts

	proofs  archiver.Proofs
	backups []archiver.Backup
	saved   int // commits of the database that it has
	fullAt  time.Time
	fullSeq uint64
	worst   time.Duration // the greatest age of a commit when it was saved
	ages    []time.Duration
}

// ask is a request; put says of which kind.
func (a *fakeArchive) ask(put bool) error {
	order.follow()
	time.Sleep(a.latency)
	a.mu.Lock()
	defer a.mu.Unlock()
	if put {
		a.requests.Put++
	} else {
		a.requests.Head++
	}
	return a.away
}

func (a *fakeArchive) total() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests.Total()
}

func (a *fakeArchive) kinds() map[archiver.Kind]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := map[archiver.Kind]int{}
	for _, b := range a.backups {
		n[b.Kind]++
	}
	return n
}

func (a *fakeArchive) setAway(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away = err
}
