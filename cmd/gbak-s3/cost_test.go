package main

import (
	"bytes"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
)

func TestDollars(t *testing.T) {
	for usd, want := range map[float64]string{
		0: "$0.00", 0.0000158: "$0.000016", 0.0000058: "$0.0000058", 0.001: "$0.0010", 0.0456: "$0.046", 0.5: "$0.50",
		1: "$1.00", 92.16: "$92.16", 1234.567: "$1234.57",
	} {
		if got := dollars(usd); got != want {
			t.Errorf("%v: %s, want %s", usd, got, want)
		}
	}
}

func TestCostLine(t *testing.T) {
	requests := storage.RequestCounts{Put: 2, Get: 2, List: 1}
	for _, c := range []struct {
		paid            bool
		fetched, stored int64
		want            string
	}{
		{false, 1 << 40, 1 << 40, ""},
		{true, 0, 0, "cost: $0.000016 for requests, at S3's list prices\n"},
		{true, 1 << 10, 1 << 10, "cost: $0.000016 for requests, at S3's list prices\n"},
		{true, 100 << 30, 0, "cost: $0.000016 for requests, $9.00 for the transfer if it leaves AWS, at S3's list prices\n"},
		{true, 0, 1 << 30, "cost: $0.000016 for requests, $0.023 a month for storage, at S3's list prices\n"},
	} {
		var stdout bytes.Buffer
		o := &output{stdout: &stdout, paid: c.paid}
		if err := o.printCost(o.costOf(requests, c.fetched, c.stored)); err != nil || stdout.String() != c.want {
			t.Errorf("%+v: %q, %v", c, stdout.String(), err)
		}
	}
}

// Whoever stores in a bucket pays; whoever stores in a directory does not.
func TestWhichAddressesCost(t *testing.T) {
	for address, want := range map[string]bool{
		"./people": false, "/backups/people": false, "file:///backups/people": false,
		"s3://backups/people": true, "s3://backups/people?endpoint=http://127.0.0.1:9000": true,
	} {
		if got := isBucket(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
