package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func expireCommand(a *app) *cobra.Command {
	var rules *ruleFlags
	var opts archiver.ExpireOptions
	var remove []string
	grace := age(archiver.DefaultGrace)
	cmd := &cobra.Command{
		Use:   "expire ARCHIVE [RULES]",
		Short: "Remove backups that no rule keeps, and delete what no backup needs",
		Long: `expire removes the backups that no rule keeps. Without --apply it changes nothing, and
shows which backups would go, and why the others stay. There are no default rules: if
neither rules nor a stored policy are there, it does nothing and exits with 2.

A backup that stays keeps those that it needs. The newest backup and pinned ones always
stay. What is removed disappears from the list at once; its bytes are deleted by the
first expiry after the grace, so that running restores can finish. expire may run beside
backups and restores on any host. If it is killed, the next one continues.`,
		Example: `  gbak-s3 expire s3://backups/people --keep-daily 30 --keep-monthly 12
  gbak-s3 expire s3://backups/people --apply
  gbak-s3 expire s3://backups/people --remove 12 --apply`,
		Args: takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if opts.Rules, err = rules.read(cmd); err != nil {
				return err
			}
			for _, text := range remove {
				backup, err := parseBackup(text)
				if err != nil {
					return err
				}
				opts.Remove = append(opts.Remove, backup)
			}
			if opts.Grace, err = parseGrace(grace); err != nil {
				return err
			}
			switch given := cmd.Flags().Changed("if-head"); {
			case given && !opts.Apply:
				return usage("--if-head is for --apply", "Without --apply nothing is changed, whatever the newest record is: add --apply, or leave out --if-head.")
			case given && opts.IfHead == 0:
				return usage("--if-head 0 cannot be used", "Give the number that `gbak-s3 expire` prints without --apply.")
			}
			return a.expire(cmd, arguments(args, "ARCHIVE")[0], opts)
		},
	}
	flags := cmd.Flags()
	rules = newRuleFlags(flags)
	flags.StringArrayVar(&remove, "remove", nil, "give up backup `N` with all that needs it, readable or not; may be repeated; without rules, only that")
	flags.StringVar(&grace, "grace", grace, "how long removed data stays in the store (`TIME`), such as 36h or 7d, or 0")
	flags.BoolVar(&opts.Apply, "apply", false, "remove and delete; without it, nothing is changed")
	flags.Uint64Var(&opts.IfHead, "if-head", 0, "apply only if record `N`, which a run without --apply has printed, is still the newest")
	flags.BoolVar(&opts.MarkOnly, "mark-only", false, "remove backups from the list, but delete nothing: for hosts without permission to delete")
	return cmd
}

// parseGrace reads the grace of an expiry.
func parseGrace(text string) (time.Duration, error) {
	if text == "0" {
		return archiver.NoGrace, nil
	}
	grace, err := archiver.ParseAge(text)
	if err != nil {
		return 0, usage("--grace %w", "Give a number with its unit, such as 36h or 7d; or 0, to delete at once.", err)
	}
	return grace, nil
}

func (a *app) expire(cmd *cobra.Command, address string, opts archiver.ExpireOptions) error {
	if opts.Apply {
		if err := mustWrite(address); err != nil {
			return err
		}
		outliveReaders()
	}
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	bar := a.out.progress("expiring")
	opts.Observer = bar.observe
	r, err := archive.Expire(cmd.Context(), opts)
	bar.done()
	if err != nil && !r.Applied {
		return err
	}
	p := expirePrinter{output: &a.out, address: address, opts: opts, report: r}
	if a.out.json {
		p.printLines()
	} else {
		p.printText()
	}
	switch {
	case err != nil: // the report says what was not deleted
		return err
	case r.Applied:
		return a.out.answered("the expiry is done", p.err)
	}
	return p.err
}

// expirePrinter prints what an expiry did, or would do. The first error ends the printing.
type expirePrinter struct {
	*output
	address string
	opts    archiver.ExpireOptions
	report  archiver.ExpireReport
	err     error
}

// command returns the command that does what this one has shown.
func (p *expirePrinter) command() string {
	words := []string{self(), "expire", quote(absolute(p.address))}
	if p.opts.Rules != nil {
		words = append(words, flagsOf(p.opts.Rules))
	}
	for _, backup := range p.opts.Remove {
		words = append(words, fmt.Sprintf("--remove %d", backup))
	}
	switch p.report.Grace {
	case archiver.DefaultGrace:
	case 0:
		words = append(words, "--grace 0")
	default:
		words = append(words, "--grace "+age(p.report.Grace))
	}
	if p.opts.MarkOnly {
		words = append(words, "--mark-only")
	}
	return strings.Join(append(words, fmt.Sprintf("--apply --if-head %d", p.report.Head)), " ")
}
