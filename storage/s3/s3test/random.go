package s3test

import (
	"math/rand/v2"
	"net/http"
	"sync"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Random returns a hook that makes something happen to a part of all requests, from 0
// to 1, each time something else: answers and requests get lost, errors come after and
// without applying, bodies are cut or have a wrong bit. The order of concurrent
// requests is the client's, so a seed repeats the faults and not the run.
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
