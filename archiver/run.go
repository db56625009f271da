package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// run does what every verb does around its work: it counts requests and time, passes
// the observer on, and gives an error its code.
func run(ctx context.Context, observe Observer, work func(context.Context) error) (storage.RequestCounts, time.Duration, error) {
	started := time.Now()
	var requests storage.Requests
	err := work(storage.CountRequests(observe.observed(ctx), &requests))
	if err != nil && ctx.Err() != nil && classify(err) != CodeUnknownOutcome {
		err = interrupted(ctx, err)
	}
	return requests.Counts(), time.Since(started), explain(err)
}
