package main

import (
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func TestShareFlag(t *testing.T) {
	for text, want := range map[string]float64{
		"5%": 0.05, "5 %": 0.05, "0.5%": 0.005, "100%": 1, "250%": 0, "1e-6%": 1e-8,
		"": 0, "5": 0, "0.05": 0, "%": 0, "0%": 0, "-5%": 0, "NaN%": 0, "Inf%": 0, "1e999%": 0, "five%": 0, "5%%": 0,
	} {
		var f shareFlag
		err := f.Set(text)
		if (err == nil) != (want > 0) || f.share != want || want > 0 && f.String() != text {
			t.Errorf("%q: %v, %v", text, f.share, err)
		}
	}
}

// A claim about all is worded as such only if it is one.
func TestCovered(t *testing.T) {
	since := time.Date(2026, 11, 6, 13, 15, 0, 0, time.UTC)
	for want, c := range map[string]archiver.Coverage{
		"read and found intact since 2026-11-06 13:15:00.000 UTC: all data up to record 4711":                               {Read: 1, UpTo: 4711, Since: since},
		"read and found intact since 2026-11-06 13:15:00.000 UTC: 99 % of the data up to record 4711":                       {Read: 0.9999999, UpTo: 4711, Since: since},
		"read and found intact since 2026-11-06 13:15:00.000 UTC: 40 % of the data up to record 7; damage was found in 5 %": {Read: 0.4, UpTo: 7, Since: since, Damaged: 0.05},
		"no data is known to be intact; damage was found in 100 %":                                                          {Damaged: 1},
	} {
		if got := covered(c); got != want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// A sample that finds nothing does not call an archive whole in which an earlier one found damage.
func TestVerdict(t *testing.T) {
	read := func(damaged float64) *archiver.Reading {
		return &archiver.Reading{Coverage: archiver.Coverage{Read: 1 - damaged, Damaged: damaged}}
	}
	for want, r := range map[string]archiver.VerifyReport{
		"1 problem":            {Findings: []archiver.Finding{{Key: "k", Problem: "p"}}, Read: read(0.5)},
		"the archive is whole": {Read: read(0)},
		"nothing new is wrong, and what earlier samples found damaged was not read again": {Read: read(0.5)},
	} {
		if got := verdictOf(r); got != want {
			t.Errorf("%+v: %q", r, got)
		}
	}
}
