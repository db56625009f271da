package storagetest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Call is one finished call of a method of a Storage.
type Call struct {
	Op  storage.Op
	Key string // for OpList: the prefix
	Err error  // that was returned; nil for success

	IfAbsent bool          // of a Put
	Range    storage.Range // of a Get
	After    string        // of a List
	Bytes    int64         // of the body that a Put was given or a Get returned
	Objects  int           // that a List yielded
	Keys     []string      // of a DeleteAll, whose Key is the first one
	Kept     int           // keys that a DeleteAll did not delete
	Now      bool          // it asked for the time
}

// String returns the call in one line, without anything that differs between runs of
// one program but keys: for these see [Normalise].
func (c Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", c.Op, c.Key)
	if c.Now {
		b.WriteString("the time")
	}
	if len(c.Keys) > 0 {
		fmt.Fprintf(&b, " and %d more", len(c.Keys)-1)
	}
	if c.IfAbsent {
		b.WriteString(" if-absent")
	}
	if c.Range != (storage.Range{}) {
		fmt.Fprintf(&b, " range %d+%d", c.Range.Offset, c.Range.Length)
	}
	if c.After != "" {
		b.WriteString(" after " + c.After)
	}
	switch {
	case c.Err != nil:
		err := c.Err
		if e, ok := errors.AsType[*storage.Error](err); ok {
			err = e.Err
		}
		fmt.Fprintf(&b, ": %v", err)
	case c.Op == storage.OpPut, c.Op == storage.OpGet:
		fmt.Fprintf(&b, ": %d bytes", c.Bytes)
	case c.Kept > 0:
		fmt.Fprintf(&b, ": %d not deleted", c.Kept)
	case c.Op == storage.OpList && !c.Now:
		fmt.Fprintf(&b, ": %d objects", c.Objects)
	default:
		b.WriteString(": ok")
	}
	return b.String()
}

// Log lists the calls that a store has answered, in the order of the answers. Its zero
// value is ready for use. It may be used concurrently.
type Log struct {
	mu    sync.Mutex
	calls []Call
}

// Calls returns a copy of the calls so far.
func (l *Log) Calls() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// Text returns the calls so far, a line each, for golden tests.
func (l *Log) Text() string {
	var b strings.Builder
	for _, c := range l.Calls() {
		b.WriteString(c.String() + "\n")
	}
	return b.String()
}

func (l *Log) add(c Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
}

var longHex = regexp.MustCompile(`[0-9a-f]{16,}`)

// Normalise replaces random numbers and hashes by id1, id2 and so on, equal ones by the
// same: every sequence of 16 or more hexadecimal digits that is not a decimal number.
func Normalise(text string) string {
	names := map[string]string{}
	return longHex.ReplaceAllStringFunc(text, func(id string) string {
		if !strings.ContainsAny(id, "abcdef") {
			return id
		}
		if names[id] == "" {
			names[id] = fmt.Sprintf("id%d", len(names)+1)
		}
		return names[id]
	})
}
