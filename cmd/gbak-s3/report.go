package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/page/render"
)

// reportFile is where a report is written if nobody says where.
const reportFile = "gbak-s3-report.html"

func reportCommand(a *app) *cobra.Command {
	var out, list string
	var verify bool
	cmd := &cobra.Command{
		Use:   "report ARCHIVE...",
		Short: "Write a page about archives: what can be restored, and what proves it",
		Long: `report writes one HTML file about one archive or several: whether anything needs you,
what can be restored over time, the drills, and the command that restores. The file
needs nothing else and has no script: mail it, keep it, or put it on a web server.
Archives are only read.

What can be restored is what the records of an archive say. With --verify, every object that
they name is looked up, too, as verify does; that takes one request per backup.

The page says what it knows of each archive, even if that is damaged, cannot be read or
is not there. Then report exits as status does: with 3 for damage and for a failed
drill, and with 4 if an archive is not there. An older file is replaced in any case, so
that no outdated page stays.`,
		Example: `  gbak-s3 report s3://backups/people
  gbak-s3 report s3://backups/people s3://backups/shop -o backups.html
  gbak-s3 report --verify --list archives.txt -o /var/www/backups.html`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			addresses, err := reportedArchives(cmd, args, list)
			if err != nil {
				return err
			}
			return a.report(cmd, addresses, out, verify)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", reportFile, "write the page to `FILE`; - for stdout")
	cmd.Flags().StringVar(&out, "out", reportFile, "the same as --output")
	_ = cmd.Flags().MarkHidden("out") // it is there
	cmd.Flags().BoolVar(&verify, "verify", false, "look up every object that the records name, by name and size")
	cmd.Flags().StringVar(&list, "list", "", "read addresses of archives from this `FILE`, one per line; - for stdin")
	return cmd
}

// reportedArchives returns the addresses that the command line and the list name.
func reportedArchives(cmd *cobra.Command, args []string, list string) ([]string, error) {
	if list != "" {
		in := cmd.InOrStdin()
		if list != "-" {
			f, err := os.Open(list)
			if err != nil {
				return nil, usage("the list of archives cannot be read: %w", "Check the path and its permissions.", err)
			}
			defer func() { _ = f.Close() }()
			in = f
		}
		more, err := readList(in)
		if err != nil {
			return nil, usage("the list of archives cannot be read: %w", "It has one address a line; lines that begin with # are left out.", err)
		}
		args = append(args, more...)
	} else if address := os.Getenv(archiveVariable); len(args) == 0 && address != "" {
		args = []string{address}
	}
	if len(args) == 0 {
		return nil, usage("ARCHIVE is missing", "Usage: "+cmd.UseLine()+"; without ARCHIVE, $"+archiveVariable+" is used.")
	}
	for _, address := range args {
		if err := checkAddress(address); err != nil {
			return nil, err
		}
	}
	return args, nil
}

func readList(r io.Reader) (all []string, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all, lines.Err()
}

// reportLine is a report in JSON.
type reportLine struct {
	Type     string `json:"type"` // "report"
	Path     string `json:"path"`
	Archives int    `json:"archives"`
	Level    string `json:"level"` // "good", "wait", "warn" or "bad"
	Summary  string `json:"summary"`
}

// report writes the page. What is wrong with archives is on it, and is the error afterwards.
func (a *app) report(cmd *cobra.Command, addresses []string, out string, verify bool) error {
	if out != "-" {
		if err := mustBeForAnswers(out); err != nil {
			return err
		}
	}
	all, err := a.lookAtAll(cmd.Context(), addresses, verify)
	if err != nil {
		return err
	}
	s := &page.Status{At: time.Now().UTC(), Version: version()}
	for _, l := range all {
		s.Databases = append(s.Databases, l.row(a))
	}
	if err := writePage(cmd.OutOrStdout(), out, s); err != nil {
		return err
	}
	if out != "-" {
		if err := a.printReport(s, out); err != nil {
			return err
		}
	}
	return worstOf(all)
}

func (a *app) printReport(s *page.Status, out string) error {
	sum := s.Summary()
	if a.out.json {
		return a.out.printJSON(reportLine{"report", absolute(out), len(s.Databases), sum.Level.String(), sum.String()})
	}
	return a.out.print("%s written: %s", out, sum)
}

// worstOf returns the error of looks: damage comes before all else. Of several, it says which one it is of.
func worstOf(all []*archiveLook) error {
	var worst error
	for _, l := range all {
		err := l.verdict()
		if worst == nil || err != nil && exitCode(archiver.CodeOf(err)) == exitDamage && exitCode(archiver.CodeOf(worst)) != exitDamage {
			if worst = err; err != nil && len(all) > 1 && !strings.Contains(err.Error(), named(l.address)) {
				worst = fmt.Errorf("%s: %w", named(l.address), err)
			}
		}
	}
	return worst
}

// looksAtATime is how many archives are read at a time.
const looksAtATime = 4

// lookAtAll looks at archives. The error is for what is no archive's, such as keys that cannot be
// read; that of an archive is in its look.
func (a *app) lookAtAll(ctx context.Context, addresses []string, verify bool) ([]*archiveLook, error) {
	keys, err := a.keys.given(ctx, a.log)
	if err != nil {
		return nil, err
	}
	opener := a.archives(nil)
	all := make([]*archiveLook, len(addresses))
	var g errgroup.Group
	g.SetLimit(looksAtATime)
	for i, address := range addresses {
		all[i] = &archiveLook{address: address}
		g.Go(func() error {
			archive, err := opener.openWith(ctx, address, a.log, keys)
			if err == nil {
				err = all[i].look(ctx, archive, verify)
			}
			all[i].err = err
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, &archiver.Error{Code: archiver.CodeInterrupted, Err: err}
	}
	return all, nil
}

// writePage writes the page to a file, which is there as a whole or not at all.
func writePage(stdout io.Writer, out string, s *page.Status) error {
	var b bytes.Buffer
	if err := render.Report(&b, s); err != nil {
		return err
	}
	if out == "-" {
		_, err := stdout.Write(b.Bytes())
		return err
	}
	if err := writeWhole(out, b.Bytes()); err != nil {
		return fmt.Errorf("the page cannot be written: %w", err)
	}
	return nil
}
