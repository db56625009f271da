package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

func attestCommand(a *app) *cobra.Command {
	var target target
	var digest string
	cmd := &cobra.Command{
		Use:   "attest ARCHIVE",
		Short: "Record the digest of a state, for drills to compare",
		Long: `attest is for a program that has the database open. It pins the digest that the program
has computed of the content at --epoch, or at the end of --backup. Drills of that state
must then report the same one, which is the only proof that what is restored is what the
program had. A digest is a text that the program and the drill's command compute in the
same way, such as SCHEME:VALUE; only digests of the same scheme are compared.

For each scheme, a state has one digest for good. If it already has another one, the
exit code is 3, and nothing changes.`,
		Example: `  gbak-s3 attest s3://backups/people --epoch 4711 --digest v1:5f1d7a84db00d2fc`,
		Args:    takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			address := arguments(args, "ARCHIVE")[0]
			for _, group := range [][]string{{"backup", "epoch"}, {"backup", "timeline"}} {
				if err := exclusive(cmd, group...); err != nil {
					return err
				}
			}
			if !cmd.Flags().Changed("epoch") && !cmd.Flags().Changed("backup") {
				return usage("which state has the digest?", "Say so with --epoch or --backup: the newest state may be another one already.")
			}
			if err := target.check(cmd); err != nil {
				return err
			}
			digest = reportedDigest(digest)
			if err := archiver.ValidateDigest(digest); err != nil {
				return usage("--digest: %w", "Give a line of up to 1024 bytes, such as v1:5f1d7a84db00d2fc.", err)
			}
			if err := target.read(cmd); err != nil {
				return err
			}
			return a.attest(cmd, address, archiver.AttestOptions{Target: target.of, Digest: digest})
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&target.epoch, "epoch", 0, "epoch of the state: the last commit at or before it")
	flags.Uint64Var(&target.backup, "backup", 0, "number of the backup that ends with the state")
	flags.IntVar(&target.timeline, "timeline", 0, "timeline of the epoch (default the newest that has it)")
	flags.StringVar(&digest, "digest", "", "the digest (`TEXT`)")
	return cmd
}

// attestLine is an attestation in JSON.
type attestLine struct {
	Type      string                `json:"type"` // "attest"
	Timeline  int                   `json:"timeline"`
	Epoch     uint64                `json:"epoch"`
	New       bool                  `json:"new"` // nobody had said so before
	Digest    digestLine            `json:"pinned"`
	Requests  storage.RequestCounts `json:"requests"`
	Cost      *costLine             `json:"cost,omitempty"`
	ElapsedMS int64                 `json:"elapsed_ms"`
}

func (a *app) attest(cmd *cobra.Command, address string, opts archiver.AttestOptions) error {
	if err := mustWrite(address); err != nil {
		return err
	}
	outliveReaders()
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	r, err := archive.Attest(cmd.Context(), opts)
	if err != nil {
		return err
	}
	done := fmt.Sprintf("epoch %d of timeline %d has the digest %s", r.Plan.Epoch, r.Plan.Timeline, r.Pinned.Digest)
	cost := a.out.costOf(r.Requests, 0, 0)
	if a.out.json {
		return a.out.answered(done, a.out.printJSON(attestLine{
			Type: "attest", Timeline: r.Plan.Timeline, Epoch: r.Plan.Epoch, New: r.IsNew, Digest: digestLine(r.Pinned),
			Requests: r.Requests, Cost: cost, ElapsedMS: r.Elapsed.Milliseconds(),
		}))
	}
	said := done + ": drills of it must report the same"
	if !r.IsNew {
		said = fmt.Sprintf("%s; %s has said so on %s (%s)", done, whoPinned(r.Pinned.By), r.Pinned.At.UTC().Format(listed), visible(r.Pinned.Host))
	}
	err = a.out.print("%s", said)
	if err == nil {
		err = a.out.print("%s, %s", requests(r.Requests), took(r.Elapsed))
	}
	if err == nil {
		err = a.out.printCost(cost)
	}
	return a.out.answered(done, err)
}
