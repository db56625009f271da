package heartbeat

import (
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// proofOf returns when the last proof was found that a target is safe: of several targets, the
// oldest of their last ones. ok is false if one of them is not safe now, or its proof is older
// than it would be if all went well.
func proofOf(state *watch.State, targets []watch.Key, every time.Duration) (proof time.Time, ok bool) {
	stuck := state.Stuck(state.At)
	for _, key := range targets {
		t := find(state, key)
		if t == nil || !isSafe(state, t) || slices.Contains(stuck, key) || state.At.Sub(t.LastSafe) > 2*every {
			return time.Time{}, false
		}
		if proof.IsZero() || t.LastSafe.Before(proof) {
			proof = t.LastSafe
		}
	}
	return proof, len(targets) > 0
}

// isSafe reports whether nothing speaks against the last proof.
func isSafe(state *watch.State, t *watch.TargetState) bool {
	switch t.Phase {
	case watch.PhaseClean, watch.PhaseDirty, watch.PhaseRunning:
		return !t.LastSafe.IsZero() && t.Code == "" && t.IsProofGood() && !t.IsBehind(state.At) && isUp(state, t.Target.Store)
	}
	return false
}

// isBad reports whether a target has turned bad: it is not just new, or late for a moment.
func isBad(state *watch.State, targets []watch.Key) bool {
	for _, key := range targets {
		t := find(state, key)
		if t == nil {
			continue // it is not watched yet, or not any more
		}
		switch t.Phase {
		case watch.PhaseRefused, watch.PhaseGone, watch.PhaseWaiting:
			return true
		}
		if !isUp(state, t.Target.Store) || !t.IsProofGood() {
			return true
		}
	}
	return false
}

func find(state *watch.State, key watch.Key) *watch.TargetState {
	for i := range state.Targets {
		if state.Targets[i].Target.Key() == key {
			return &state.Targets[i]
		}
	}
	return nil
}

func isUp(state *watch.State, store string) bool {
	for i := range state.Stores {
		if state.Stores[i].Store == store {
			return state.Stores[i].Up
		}
	}
	return true // nobody has asked it yet
}
