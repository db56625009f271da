package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/watch/metrics"
)

func verifyCommand(a *app) *cobra.Command {
	var opts archiver.VerifyOptions
	var sample shareFlag
	var noCertificate bool
	var metricsFile *string
	cmd := &cobra.Command{
		Use:   "verify ARCHIVE",
		Short: "Check that an archive is intact",
		Long: `verify reads all manifests, and checks by name and size that every object they name is
there. With --deep it reads every object and checks every hash, and every checksum that
the database keeps of its own image and log. For an encrypted archive that takes an
identity: without one, verify compares the stored bytes with their hashes, decrypts
nothing, and says so. Damage ends with exit code 3.

--sample 5% reads a twentieth of the segments and checks their hashes. Each sample
begins where the last one ended, so 20 of them read everything. The last line says how
much they have read together, and since when. To remember that, samples and deep
verifications leave a certificate in the archive; without permission to write there, you
get a warning.`,
		Example: `  gbak-s3 verify s3://backups/people
  gbak-s3 verify --sample 5% s3://backups/people
  gbak-s3 verify --deep ./people-archive`,
		Args: takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			address := arguments(args, "ARCHIVE")[0]
			if opts.Deep && sample.share > 0 {
				return usage("--deep reads everything, and --sample a part", "Give one of them.")
			}
			opts.Sample, opts.Certify = sample.share, !noCertificate && !readsOldest(address)
			return a.metered(*metricsFile, "verify", "", address, func(run *metrics.Run) error {
				return a.verify(cmd, address, opts, run)
			})
		},
	}
	metricsFile = metricsFlag(cmd)
	a.limits.downloads(cmd.Flags())
	cmd.Flags().BoolVar(&opts.Deep, "deep", false, "read every object, and check every hash and checksum")
	cmd.Flags().Var(&sample, "sample", "read this `SHARE` of the segments, such as 5%, from where the last sample ended")
	cmd.Flags().BoolVar(&noCertificate, "no-certificate", false, "write no certificate of what was read into the archive")
	return cmd
}

// verifyLine is a verification in JSON.
type verifyLine struct {
	Type      string        `json:"type"` // "verify"
	OK        bool          `json:"ok"`
	Deep      bool          `json:"deep"`
	Unopened  bool          `json:"unopened,omitempty"` // segments were read, but for want of an identity nothing was decrypted
	Backups   int           `json:"backups"`
	Objects   int           `json:"objects"`
	Bytes     int64         `json:"bytes"`
	Waiting   int           `json:"waiting_segments"`
	Unused    int           `json:"unused_segments"`
	Findings  []findingLine `json:"findings"`
	Gone      int           `json:"gone"`
	Read      *readingLine  `json:"read,omitempty"` // only if segments were read
	Requests  any           `json:"requests"`
	Cost      *costLine     `json:"cost,omitempty"`
	ElapsedMS int64         `json:"elapsed_ms"`
}

type findingLine struct {
	Key     string `json:"key"`
	Problem string `json:"problem"`
}

// verifyGarbagePercent is less than [garbagePercent], as no other command makes as much garbage:
// with 10, its peak on a large log was 130 MiB, and with 3 it is 123 (TestPeakMemory).
const verifyGarbagePercent = 3

func (a *app) verify(cmd *cobra.Command, address string, opts archiver.VerifyOptions, run *metrics.Run) error {
	if opts.Deep || opts.Sample > 0 { // otherwise memory is used by many documents, and not by buffers
		keepGarbageBelow(verifyGarbagePercent)
	}
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	bar := a.out.progress("verifying")
	opts.Observer = bar.observe
	r, err := archive.Verify(cmd.Context(), opts)
	bar.done()
	if err != nil {
		return err
	}
	run.Verify(r)
	if r.Read != nil && r.Read.NoCertificate != nil {
		a.out.warn("no certificate could be left, so the next sample does not know what this one has read: %v", r.Read.NoCertificate)
	}
	if err := a.out.report(r); err != nil {
		return err
	}
	if !r.OK() {
		return &answeredError{exitDamage}
	}
	return nil
}

// verdictOf says what was found. What an earlier sample has found damaged, and this one has not read, is not whole.
func verdictOf(r archiver.VerifyReport) string {
	switch {
	case !r.OK():
		return plural(len(r.Findings), "problem")
	case r.Read != nil && r.Read.Coverage.Damaged > 0:
		return "nothing new is wrong, and what earlier samples found damaged was not read again"
	}
	return "the archive is whole"
}

func (o *output) report(r archiver.VerifyReport) error {
	fetched := int64(0)
	if r.Deep {
		fetched = r.Bytes
	} else if r.Read != nil {
		fetched = r.Read.Bytes
	}
	cost := o.costOf(r.Requests, fetched, 0)
	if o.json {
		line := verifyLine{
			Type: "verify", OK: r.OK(), Deep: r.Deep, Unopened: r.Unopened, Backups: r.Backups, Objects: r.Objects, Bytes: r.Bytes,
			Waiting: r.Waiting, Unused: r.Unused, Findings: []findingLine{}, Gone: r.Gone, Read: readingLineOf(r.Read), Requests: r.Requests, Cost: cost, ElapsedMS: r.Elapsed.Milliseconds(),
		}
		for _, f := range r.Findings {
			line.Findings = append(line.Findings, findingLine(f))
		}
		return o.printJSON(line)
	}
	for _, f := range r.Findings {
		if err := o.print("%s: %s", o.paint(bad, f.Key), f.Problem); err != nil {
			return err
		}
	}
	verdict := o.paint(good, verdictOf(r))
	if !r.OK() {
		verdict = o.paint(bad, verdictOf(r))
	}
	if r.Gone > 0 {
		if err := o.print("%s left out: about backups that were removed while this ran", plural(r.Gone, "problem was", "problems were")); err != nil {
			return err
		}
	}
	if r.Waiting > 0 {
		if err := o.print("%s to removed backups alone: an `expire --apply` deletes them when the grace is over",
			plural(r.Waiting, "segment belongs", "segments belong")); err != nil {
			return err
		}
	}
	if r.Unused > 0 {
		if err := o.print("%s to no backup: left by a run that was interrupted, or written by one that is running",
			plural(r.Unused, "segment belongs", "segments belong")); err != nil {
			return err
		}
	}
	if err := o.print("%s: %s, %s, %s, %s (%s)",
		verdict, plural(r.Backups, "backup"), plural(r.Objects, "object"), size(r.Bytes), took(r.Elapsed), howVerified(r)); err != nil {
		return err
	}
	if r.Read != nil {
		if err := o.print("%s", covered(r.Read.Coverage)); err != nil {
			return err
		}
	}
	return o.printCost(cost)
}
