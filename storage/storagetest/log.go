package storagetest

import (
	"slices"
	"sync"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Call is one finished call of a method of a Storage.
type Call struct {
	Op  storage.Op
	Key string // for OpList: the prefix
	Err error  // what the caller got; nil for success
}

// Log lists the calls that a store has answered, in the order of their
// answers. Its zero value is ready, and it may be used concurrently.
type Log struct {
	mu    sync.Mutex
	calls []Call
}

// Calls returns a copy of what was logged so far.
func (l *Log) Calls() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

func (l *Log) add(op storage.Op, key string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, Call{op, key, err})
}
