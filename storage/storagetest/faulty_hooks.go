package storagetest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"

	"github.com/gbak-s3/gbak-s3/storage"
)

// ErrStopped is the error of a store that has stopped for good.
var ErrStopped = errors.New("the store has stopped")

// What a stopped store does with a call.
var (
	Refuses = Fault{Err: ErrStopped}
	Hangs   = Fault{Hang: true}
)

// StopAt returns the hook of a store, or of its user's process, that dies with call k:
// earlier calls pass; call k and all later ones get dead ([Refuses] or [Hangs]). With
// applied the store below still carries out call k. With a k of 1 and without applied
// the store is dead from the beginning; with a k after the last call a whole run
// passes.
func StopAt(k int, applied bool, dead Fault) Hook {
	return func(_ storage.Op, _ string, n int) Fault {
		switch {
		case n < k:
			return Fault{}
		case n == k && applied:
			applied := dead
			applied.Apply = true
			return applied
		}
		return dead
	}
}

// ErrInjected is the error of the faults of [Random].
var ErrInjected = errors.New("injected fault")

// Rates say how often [Random] makes each fault happen, each from 0 to 1, together at
// most 1. Faults of bodies happen only to Put and Get.
type Rates struct {
	Before  float64 // ErrInjected; the call does not reach the store below
	After   float64 // ErrInjected, after the call was carried out; a DeleteAll for some or all keys
	Hang    float64 // until the call's ctx ends
	Broken  float64 // [Broken]
	Short   float64 // [Short]
	Flipped float64 // [Flipped]
}

// Random returns a hook whose faults depend on the seed, the operation, the key, and
// how often this operation on this key came before. So a sequence of calls meets the
// same faults in every run, even if some of the calls are concurrent.
func Random(seed uint64, rates Rates) Hook {
	type name struct {
		op  storage.Op
		key string
	}
	var mu sync.Mutex
	asked := map[name]int{}
	return func(op storage.Op, key string, _ int) Fault {
		mu.Lock()
		asked[name{op, key}]++
		times := asked[name{op, key}]
		mu.Unlock()
		h := fnv.New64a()
		fmt.Fprintf(h, "%s %s %d", op, key, times)
		random := rand.New(rand.NewPCG(seed, h.Sum64()))
		at := random.Int64N(4096)
		x := random.Float64()
		hasBody := op == storage.OpPut || op == storage.OpGet
		for _, c := range []struct {
			rate  float64
			fault Fault
			body  bool
		}{
			{rates.Before, Fault{Err: ErrInjected}, false},
			{rates.After, Fault{Err: ErrInjected, Apply: true, Part: 1 + int(at%32)}, false},
			{rates.Hang, Fault{Hang: true}, false},
			{rates.Broken, Fault{Body: Broken, At: at}, true},
			{rates.Short, Fault{Body: Short, At: at}, true},
			{rates.Flipped, Fault{Body: Flipped, At: at}, true},
		} {
			if x < c.rate && (hasBody || !c.body) {
				return c.fault
			}
			x -= c.rate
		}
		return Fault{}
	}
}
