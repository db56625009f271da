package s3

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

func TestNeighbours(t *testing.T) {
	address := s3test.NewBucket(t)
	bucket, _, _ := strings.Cut(address, "?")
	open := func(prefix string) *Store { return openAddress(t, strings.Replace(address, "?", prefix+"?", 1)) }
	for _, at := range []string{"/team/a", "/team/b", "/team/own", "/top"} {
		put(t, open(at), "archive.json", "x")
	}
	put(t, open("/team/other"), "manifests/0000000001.json", "x")
	for own, want := range map[string][]string{
		"/team/own":     {"/team/a", "/team/b"},
		"/team/missing": {"/team/a", "/team/b", "/team/own"},
		"/team/a/deep":  nil,
		"/mistyped":     {"/top"},
		"":              {"/top"},
	} {
		var requests storage.Requests
		got, err := open(own).Neighbours(storage.CountRequests(t.Context(), &requests), "archive.json")
		for i := range want {
			want[i] = bucket + want[i]
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("beside %s: %q, %v, want %q", own, got, err, want)
		}
		if c := requests.Counts(); c.List != 1 || c.Head > storage.MaxNeighbours {
			t.Errorf("beside %s: it took %+v", own, c)
		}
	}
	for i := range 2 * storage.MaxNeighbours {
		put(t, open(fmt.Sprintf("/many/%02d", i)), "archive.json", "x")
	}
	got, err := open("/many/own").Neighbours(t.Context(), "archive.json")
	if err != nil || len(got) != storage.MaxNeighbours {
		t.Errorf("of many, it shows %d, %v", len(got), err)
	}
}
