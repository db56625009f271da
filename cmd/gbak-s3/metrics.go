package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/internal/watch/metrics"
)

// metricsFlag adds the flag --metrics-file to a command and returns its value.
func metricsFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("metrics-file", "",
		"when the command ends, write its metrics to this `FILE.prom`, of node_exporter's textfile collector")
}

// metered calls do, which does the work of a command on an archive and on a database, ""
// for none, and then writes what it knows to a file for Prometheus, "" for none. That the
// file cannot be written does not change how the command ends; but a database or a part of an
// archive is no file for that, as in `backup --metrics-file people.grafeo ARCHIVE`.
func (a *app) metered(file, command, database, address string, do func(*metrics.Run) error) error {
	if file != "" {
		file = destination(file) // a link stays one
		if err := mustBeForMetrics(file); err != nil {
			return err
		}
	}
	name := ""
	if database != "" {
		name = metrics.Database(database)
	}
	r := metrics.NewRun(command, name, named(address))
	err := do(r)
	if file == "" {
		return err
	}
	exit, code := outcome(err)
	if werr := r.Write(file, exit, code); werr != nil {
		a.out.warn("%v", werr)
	}
	return err
}

// mustBeForMetrics refuses a file that metrics must not replace. They come in one piece, by a new file in place
// of the old one: so root would replace /dev/null itself.
func mustBeForMetrics(file string) error {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return usage("--metrics-file: %s is not an ordinary file, which metrics are written to",
			"Give the path of a file, such as people.prom. Without the flag, no metrics are written.", file)
	}
	return mustNotReplace("--metrics-file", file)
}

// outcome returns the exit code for what a command has returned, and the code of its error.
func outcome(err error) (exit int, code string) {
	if err == nil {
		return exitDone, ""
	}
	if answered, ok := errors.AsType[*answeredError](err); ok {
		return answered.exit, ""
	}
	f := describe(err, "")
	return f.Exit, f.Code
}
