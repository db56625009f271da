package page

import (
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/internal/history"
)

// Anonymous returns the same without what only people of this host should see: paths, addresses,
// names of hosts, and messages, which may have any of these. Names of databases, states and numbers
// stay.
func (s *Status) Anonymous() *Status {
	a := *s
	a.IsAnonymous = true
	stores, archives := map[string]string{}, map[string]int{}
	a.Stores = make([]Store, len(s.Stores))
	for i, store := range s.Stores {
		stores[store.Name] = fmt.Sprintf("store %d", i+1)
		store.Name, store.Why = stores[store.Name], ""
		a.Stores[i] = store
	}
	a.Problems = anonymous(s.Problems)
	a.Databases = make([]Database, len(s.Databases))
	for i, d := range s.Databases {
		archives[d.Name]++
		d.Archive, d.Store = fmt.Sprintf("archive %d", archives[d.Name]), stores[d.Store]
		d.Path, d.Why, d.Hint, d.Restore, d.Remark, d.Writer.Who = "", "", "", "", "", ""
		if d.Broken != "" {
			d.Broken = "The newest backup cannot be restored."
		}
		d.Verify.Why, d.Expire.Why, d.Compact.Why = isThere(d.Verify.Why), isThere(d.Expire.Why), isThere(d.Compact.Why)
		d.Proof, d.History = d.Proof.anonymous(), withoutMessages(d.History)
		d.Last = slices.Clone(d.Last)
		for j := range d.Last {
			d.Last[j].Why, d.Last[j].Host = "", ""
		}
		d.Errors = anonymous(d.Errors)
		a.Databases[i] = d
	}
	return &a
}

// leftOut stands for a message. That there is one is no secret.
const leftOut = "the message is left out"

func isThere(message string) string {
	if message == "" {
		return ""
	}
	return leftOut
}

func withoutMessages(h *history.History) *history.History {
	if h == nil {
		return nil
	}
	a := *h
	a.DrillsUnknown = isThere(a.DrillsUnknown)
	a.Drills = slices.Clone(a.Drills)
	for i := range a.Drills {
		a.Drills[i].Why = ""
	}
	return &a
}

func (p Proof) anonymous() Proof {
	p.Why, p.Unread = isThere(p.Why), isThere(p.Unread)
	if p.Last != nil {
		last := *p.Last
		last.Why = ""
		p.Last = &last
	}
	return p
}

func anonymous(all []Problem) []Problem {
	out := make([]Problem, len(all))
	for i, p := range all {
		out[i] = Problem{At: p.At, What: p.What, Code: p.Code}
	}
	return out
}
