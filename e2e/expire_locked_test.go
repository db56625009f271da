package e2e

import (
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// In a bucket that keeps versions and locks objects, what is deleted vanishes from the
// archive; that the bucket keeps its bytes is said, and how that ends.
func TestExpireInALockedBucket(t *testing.T) {
	t.Parallel()
	at := inBucket(t, s3test.NewLockedBucket(t)+"&checksum=sha256")
	_, goals := retainedHistory(t, at)
	args := []string{at.address(), "--keep-full", "1", "--grace", "0"}
	planned := expire(t, args...)
	isTrue := func(b *bool) bool { return b != nil && *b }
	if !isTrue(planned.Versioned) || !isTrue(planned.Locked) || planned.Deleted.Objects == 0 {
		t.Errorf("%+v", planned)
	}
	text := must(t, append([]string{"expire"}, args...)...).stdout
	for _, word := range []string{"versions", "lifecycle rule", "lock"} {
		if !strings.Contains(text, word) {
			t.Errorf("nothing is said of %q:\n%s", word, text)
		}
	}
	done := expire(t, append(args, "--apply")...)
	if done.Deleted != planned.Deleted || done.RefusedObjects != 0 {
		t.Errorf("planned: %+v; done: %+v", planned.Deleted, done)
	}
	again := expire(t, append(args, "--apply")...)
	if again.Keep != 0 || again.Deleted.Objects != 0 || again.Waiting.Objects != 0 || again.Versioned != nil { // nobody asked
		t.Errorf("again: %+v", again)
	}
	reach(t, "0.6.0", at, inReach(t, goals, done.ReachAfter))
	if v := must(t, "verify", at.address(), "--deep", "--json").one(t, "verify"); !v.OK {
		t.Errorf("%+v", v)
	}
}
