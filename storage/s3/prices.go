package s3

import "github.com/gbak-s3/gbak-s3/storage"

// What AWS charges, in billionths of a US dollar: the list prices of S3 Standard in
// us-east-1 in November 2026 (https://aws.amazon.com/s3/pricing/). Other regions, classes
// and stores have other prices, and large customers pay less.
const (
	writePrice    = 5_000      // a PUT or a LIST
	readPrice     = 400        // a GET or a HEAD; a DELETE is free
	transferPrice = 90_000_000 // a GiB to the internet; within a region that is free
	storagePrice  = 23_000_000 // a GiB for a month
)

const (
	billion = 1e9
	gib     = 1 << 30 // which is what AWS calls a GB
)

// RequestsPrice returns what requests cost in US dollars, at S3's list prices.
func RequestsPrice(c storage.RequestCounts) float64 {
	return float64((c.Put+c.List)*writePrice+(c.Get+c.Head)*readPrice) / billion
}

// TransferPrice returns what it costs in US dollars to transfer bytes out of AWS to the
// internet, at S3's list prices.
func TransferPrice(bytes int64) float64 { return float64(bytes) / gib * transferPrice / billion }

// StoragePrice returns what it costs in US dollars to store bytes for a month, at S3's
// list prices.
func StoragePrice(bytes int64) float64 { return float64(bytes) / gib * storagePrice / billion }
