package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3"
)

// costLine is what a run costs, or would cost, in JSON: US dollars at S3's list prices.
type costLine struct {
	USD         float64 `json:"usd"`                    // of the requests
	TransferUSD float64 `json:"transfer_usd,omitempty"` // of what is fetched, if it leaves AWS
	MonthlyUSD  float64 `json:"monthly_usd,omitempty"`  // of what is stored
}

// costOf returns what requests cost, and the bytes that they fetch and store; nil if the
// archive is in a directory, where nobody is paid.
func (o *output) costOf(c storage.RequestCounts, fetched, stored int64) *costLine {
	if !o.paid {
		return nil
	}
	return &costLine{s3.RequestsPrice(c), s3.TransferPrice(fetched), s3.StoragePrice(stored)}
}

// printCost prints a line with what a run costs, unless there is no such cost. What is
// less than a hundredth of a cent beside the requests is left out.
func (o *output) printCost(c *costLine) error {
	if c == nil {
		return nil
	}
	return o.print("cost: %s", c)
}

func (c *costLine) String() string {
	const little = 0.0001
	s := fmt.Sprintf("%s for requests", dollars(c.USD))
	if c.TransferUSD >= little {
		s += fmt.Sprintf(", %s for the transfer if it leaves AWS", dollars(c.TransferUSD))
	}
	if c.MonthlyUSD >= little {
		s += fmt.Sprintf(", %s a month for storage", dollars(c.MonthlyUSD))
	}
	return s + ", at S3's list prices"
}

// dollars prints an amount in cents or, below a dollar, with two significant digits.
func dollars(usd float64) string {
	digits := 2
	if usd > 0 && usd < 1 {
		digits = 1 - int(math.Floor(math.Log10(usd)))
	}
	return "$" + strconv.FormatFloat(usd, 'f', digits, 64)
}
