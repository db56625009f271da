package s3_test

import (
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3"
)

func TestPrices(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"a million PUT", s3.RequestsPrice(storage.RequestCounts{Put: 1e6}), 5},
		{"a million LIST", s3.RequestsPrice(storage.RequestCounts{List: 1e6}), 5},
		{"a million GET", s3.RequestsPrice(storage.RequestCounts{Get: 1e6}), 0.4},
		{"a million HEAD", s3.RequestsPrice(storage.RequestCounts{Head: 1e6}), 0.4},
		{"a million DELETE", s3.RequestsPrice(storage.RequestCounts{Delete: 1e6}), 0},
		{"an incremental", s3.RequestsPrice(storage.RequestCounts{Put: 2, Get: 2, List: 1}), 0.0000158},
		{"a GiB to the internet", s3.TransferPrice(1 << 30), 0.09},
		{"a TiB to the internet", s3.TransferPrice(1 << 40), 92.16},
		{"a GiB for a month", s3.StoragePrice(1 << 30), 0.023},
		{"nothing", s3.RequestsPrice(storage.RequestCounts{}) + s3.TransferPrice(0) + s3.StoragePrice(0), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s: $%v, want $%v", c.what, c.got, c.want)
		}
	}
}
