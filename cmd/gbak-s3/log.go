package main

import (
	"fmt"
	"log/slog"
)

// The formats of the log, for --log-format.
const (
	logText = "text"
	logJSON = "json"
)

// listen creates the log that --log-level and --log-format ask for.
func (a *app) listen() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return usage("there is no log level %q", "Choose debug, info, warn or error.", a.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case logText:
		a.log = slog.New(slog.NewTextHandler(a.out.stderr, opts))
	case logJSON:
		a.log = slog.New(slog.NewJSONHandler(a.out.stderr, opts))
		a.out.warnings = a.log
	default:
		return usage("there is no log format %q", "Choose text or json.", a.logFormat)
	}
	a.out.log = a.log
	return nil
}

// warn tells people something on stderr that is no error. Where all of stderr is to be
// JSON, it is a line of the log.
func (o *output) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if o.warnings != nil {
		o.warnings.Warn("warning", "text", text)
		return
	}
	fmt.Fprintf(o.stderr, "gbak-s3: %s\n", text)
}
