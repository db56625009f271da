package s3test

import (
	"math/rand/v2"
	"net/http"
	"sync"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Random returns a hook that injects a random fault into a share of all requests, from 0
// to 1: requests or answers get lost, errors come with or without the request being
// applied, bodies are cut short or have a flipped bit. The client decides the order of
// concurrent requests, so a seed repeats the faults but not the run.
func Random(seed uint64, part float64) Hook {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func(r *Request) Fault {
		mu.Lock()
		defer mu.Unlock()
		if random.Float64() >= part {
			return Fault{}
		}
		apply := random.IntN(2) == 0
		switch n := random.IntN(10); {
		case n < 3:
			return Fault{Lose: []Loss{FIN, RST, MidHeader}[n], Apply: apply}
		case n < 6:
			return Fault{
				Status: []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusGatewayTimeout}[n-3],
				Code:   []string{"InternalError", "SlowDown", "GatewayTimeout"}[n-3], Apply: apply,
			}
		case n == 6 && r.Conditional:
			return Fault{Status: http.StatusConflict, Code: "ConditionalRequestConflict", Apply: apply}
		case n == 7 && r.Op == storage.OpPut:
			return Fault{FlipUpload: apply, CutUpload: !apply}
		case n == 8 && r.Op == storage.OpGet:
			return Fault{CutBody: true}
		case n == 9 && r.Op == storage.OpGet:
			return Fault{FlipBody: true}
		}
		return Fault{Lose: RST, Apply: apply}
	}
}
