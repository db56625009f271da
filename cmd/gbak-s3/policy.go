package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

func policyCommand(a *app) *cobra.Command {
	var rules *ruleFlags
	var clear bool
	var access accessFlags
	cmd := &cobra.Command{
		Use:   "policy ARCHIVE [RULES | --clear | --mode MODE]",
		Short: "Show or store the rules that say which backups stay; print an access policy",
		Long: `policy shows the rules that are stored in an archive, or replaces them. expire follows
them if it is given no others. Storing rules removes nothing.

With --mode it does something else: it prints an access policy for S3, with the fewest
permissions that a host needs for its work on this archive, and contacts no store. The
modes are

  append-only  backup, watch, import, pin, compact, doctor; deletes nothing
  restore      restore, export, list
  monitor      list, status, verify; it cannot read segments
  expire       expire; it cannot read segments
  drill        all that reads: restore, verify --deep

docs/access.md shows how to apply such a policy, and what each mode cannot do.`,
		Example: `  gbak-s3 policy s3://backups/people --window 7d --keep-daily 30
  gbak-s3 policy s3://backups/people
  gbak-s3 policy s3://backups/people --mode append-only`,
		Args: takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := rules.read(cmd)
			switch {
			case err != nil:
				return err
			case access.isGiven(cmd) && (given != nil || clear):
				return usage("--mode prints an access policy, and takes neither rules nor --clear",
					"Give --mode alone for an access policy; give rules or --clear alone to say which backups stay.")
			case access.isGiven(cmd):
				return a.printAccess(arguments(args, "ARCHIVE")[0], access)
			case given != nil && clear:
				return usage("rules and --clear cannot be used together", "Give the rules that are to be stored, or --clear to store none.")
			case given == nil && !clear:
				return a.showPolicy(cmd, arguments(args, "ARCHIVE")[0])
			}
			return a.setPolicy(cmd, arguments(args, "ARCHIVE")[0], given)
		},
	}
	rules = newRuleFlags(cmd.Flags())
	cmd.Flags().BoolVar(&clear, "clear", false, "remove the stored rules")
	access.add(cmd.Flags())
	return cmd
}

// policyLine is the rules of an archive in JSON.
type policyLine struct {
	Type      string                `json:"type"` // "policy"
	Rules     *rulesLine            `json:"rules"`
	Keep      uint64                `json:"keep,omitempty"` // the record that was committed
	Requests  storage.RequestCounts `json:"requests"`
	Cost      *costLine             `json:"cost,omitempty"`
	ElapsedMS int64                 `json:"elapsed_ms"`
}

func (a *app) showPolicy(cmd *cobra.Command, address string) error {
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	r, err := archive.Policy(cmd.Context())
	switch {
	case err != nil:
		return err
	case a.out.json:
		return a.out.printJSON(policyLine{"policy", lineOfRules(r.Rules), 0, r.Requests, a.out.costOf(r.Requests, 0, 0), r.Elapsed.Milliseconds()})
	case r.Rules == nil:
		return a.out.print("no rules are stored: every backup stays, unless expire is given rules")
	}
	return a.out.print("%s", flagsOf(r.Rules))
}

func (a *app) setPolicy(cmd *cobra.Command, address string, rules *archiver.Rules) error {
	if err := mustWrite(address); err != nil {
		return err
	}
	outliveReaders()
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	r, err := archive.SetPolicy(cmd.Context(), rules)
	if err != nil {
		return err
	}
	line := policyLine{"policy", lineOfRules(rules), r.Keep, r.Requests, a.out.costOf(r.Requests, 0, 0), r.Elapsed.Milliseconds()}
	if a.out.json {
		return a.out.answered("the rules are stored", a.out.printJSON(line))
	}
	said := "no rules are stored any more: every backup stays, unless expire is given rules"
	if rules != nil {
		said = "stored: " + flagsOf(rules)
	}
	if r.Keep == 0 {
		said += "; so it was already"
	}
	return a.out.answered("the rules are stored", a.out.printKept(said, r))
}

// printKept prints what a run has said about what stays, and what that took.
func (o *output) printKept(said string, r archiver.KeepReport) error {
	err := o.print("%s", said)
	if err == nil {
		err = o.print("%s, %s", requests(r.Requests), took(r.Elapsed))
	}
	if err == nil {
		err = o.printCost(o.costOf(r.Requests, 0, 0))
	}
	return err
}
