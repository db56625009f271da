package main

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode"
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
	o.say(doubt, text)
}

// say prints a message for people on stderr. On a terminal, the colour is that of our name.
func (o *output) say(c colour, text string) {
	text = o.fit("gbak-s3: " + text)
	if o.screen != nil && o.screen.colour {
		text = string(c) + "gbak-s3:" + noColour + strings.TrimPrefix(text, "gbak-s3:")
	}
	fmt.Fprintln(o.stderr, text)
}

// visible returns a text so that a terminal shows it and does nothing else. What an archive says, such as
// the names of databases and hosts, may be written by others.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// fit breaks a message at the end of words, if it is for a terminal.
func (o *output) fit(text string) string {
	columns := 0
	if o.screen != nil {
		columns = o.screen.columns()
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = visible(line)
		if columns > 0 && !strings.HasPrefix(line, " ") {
			lines[i] = wrap(lines[i], columns)
		}
	}
	return strings.Join(lines, "\n")
}
