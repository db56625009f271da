package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/page"
)

// shareFlag is the value of a flag that is a share of something.
type shareFlag struct {
	text  string
	share float64 // 0 if it was not given
}

// String implements [pflag.Value].
func (f *shareFlag) String() string { return f.text }

// Type implements [pflag.Value].
func (f *shareFlag) Type() string { return "share" }

// Set implements [pflag.Value].
func (f *shareFlag) Set(text string) error {
	number, isShare := strings.CutSuffix(text, "%")
	percent, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !isShare || err != nil || !(percent > 0) || percent > 100 {
		return errors.New("that is no share, such as 5%")
	}
	f.text, f.share = text, percent/100
	return nil
}

// readingLine is what was read of the segments.
type readingLine struct {
	Segments    int           `json:"segments"`
	OfSegments  int           `json:"of_segments"`
	Bytes       int64         `json:"bytes"`
	OfBytes     int64         `json:"of_bytes"`
	Coverage    *coverageLine `json:"coverage"`
	Certificate string        `json:"certificate,omitempty"`
}

func readingLineOf(r *archiver.Reading) *readingLine {
	if r == nil {
		return nil
	}
	return &readingLine{
		Segments: r.Segments, OfSegments: r.OfSegments, Bytes: r.Bytes, OfBytes: r.OfBytes,
		Coverage: lineOfCoverage(&r.Coverage), Certificate: r.Certificate,
	}
}

// covered says what all verifications together have read. It goes by records and not by backups: a merged
// backup has the number of one that it replaces, and was written later, with another record.
func covered(c archiver.Coverage) string {
	text := "no data is known to be intact"
	since := c.Since.UTC().Format(listed)
	switch {
	case c.Read == 1:
		text = fmt.Sprintf("read and found intact since %s: all data up to record %d", since, c.UpTo)
	case c.UpTo > 0:
		text = fmt.Sprintf("read and found intact since %s: %s of the data up to record %d", since, page.Percent(c.Read), c.UpTo)
	}
	if c.Damaged > 0 {
		text += fmt.Sprintf("; damage was found in %s", page.Percent(c.Damaged))
	}
	return text
}

// howVerified says what a verification has looked at.
func howVerified(r archiver.VerifyReport) string {
	switch {
	case r.Deep && r.Unopened:
		return "every object was read and compared with its hash; without an identity, -i, none was decrypted"
	case r.Deep:
		return "every object was read and every checksum compared"
	case r.Read == nil && !r.OK():
		return "every object was looked up by name and size; --deep reads those that are there, too"
	case r.Read == nil:
		return "every object is there, by name and size; --deep reads them too"
	}
	how := "their hashes and frames are right"
	if r.Unopened {
		how = "their hashes are right; without an identity, -i, none was decrypted"
	}
	if !r.OK() {
		how = strings.Replace(how, "are right", "were checked", 1)
	}
	return fmt.Sprintf("every object was looked up by name and size; of %s, %d with %s of %s were read, and %s",
		plural(r.Read.OfSegments, "segment"), r.Read.Segments, size(r.Read.Bytes), size(r.Read.OfBytes), how)
}
