package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Surroundings are what a file refers to.
type Surroundings struct {
	// Variable returns a variable of the environment.
	Variable func(name string) (string, bool)

	// Place returns a name for where the archive at address is, the same for all
	// addresses of one archive, or an error if it cannot be the archive of the database at
	// path. The path is "" for databases that are not known yet, below a folder.
	Place func(path, address string) (string, error)

	// Recipient returns an error if a text is neither an age public key nor the path of a file of
	// them.
	Recipient func(text string) error
}

// Read reads a file. The name is for errors, which are [*Error].
func Read(name string, content []byte, around Surroundings) (*Config, error) {
	r := &reader{around: around, seen: map[string]int{}}
	root, err := parse(content)
	if err != nil {
		return nil, &Error{name, []Problem{*err}}
	}
	c := r.file(root)
	if len(r.problems) > 0 {
		return nil, &Error{name, inOrder(r.problems)}
	}
	return c, nil
}

var yamlError = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)

// parserError matches what the parser of the YAML library finds; the rest is from its scanner.
var parserError = regexp.MustCompile(`^did not find expected (?:<|node content|'-'|key|',')`)

// parse returns the one YAML document in content.
func parse(content []byte) (*yaml.Node, *Problem) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, &Problem{What: "the file is empty"}
	}
	if err == nil {
		switch err = decoder.Decode(&second); {
		case err == nil:
			return nil, &Problem{Line: second.Line, What: "a second document begins here; there can be one"}
		case errors.Is(err, io.EOF):
			return document.Content[0], nil
		}
	}
	p := &Problem{What: err.Error()}
	if m := yamlError.FindStringSubmatch(err.Error()); m != nil {
		p.Line, _ = strconv.Atoi(m[1]) //nolint:errcheck // without a line it is 0
		p.What = "not valid YAML: " + m[2]
		if isTabbed(content, p.Line) {
			p.What = "not valid YAML: a tab; YAML is indented with spaces"
		}
		if parserError.MatchString(m[2]) {
			last := 1 + bytes.Count(bytes.TrimRight(content, "\n"), []byte("\n"))
			p.Line = max(p.Line, min(p.Line+1, last)) // the library counts those from 0
		}
		if strings.HasSuffix(p.What, "'}'") {
			p.What += `; in braces, a text with ? or { in it needs quotes, as in archive: "s3://bucket/prefix?endpoint=URL"`
		}
	}
	return nil, p
}

// version is the one version of the file's form.
const version = "1"

func (r *reader) file(root *yaml.Node) *Config {
	c := &Config{Defaults: DefaultSettings()}
	var given bool
	var databases, dirs value
	top := value{root, ""}
	r.mapping(top, fields{
		"version": func(v value) {
			given = true
			if text, ok := r.scalar(v); ok && text != version {
				r.problem(v, "version %s is not known; this program reads version %s", text, version)
			}
		},
		"listen": func(v value) {
			text, ok := r.text(v)
			if !ok {
				return
			}
			var err error
			if c.Listen, err = ParseListen(text); err != nil {
				r.problem(v, "%v", err)
			}
		},
		"hosts": func(v value) { c.Hosts = r.words(v, CheckHost) },
		"page":  into(r, &c.Page, ParsePage),
		"log": func(v value) {
			r.mapping(v, fields{
				"level":  into(r, &c.Log.Level, oneOf("debug", "info", "warn", "error")),
				"format": into(r, &c.Log.Format, oneOf("text", "json")),
			})
		},
		"flush": into(r, &c.Flush, positive),
		"store-check": func(v value) {
			c.StoreCheck = new(time.Duration)
			read(r, v, c.StoreCheck, ParseDuration)
		},
		"defaults":    func(v value) { r.mapping(v, r.settings(&c.Defaults)) },
		"databases":   func(v value) { databases = v },
		"directories": func(v value) { dirs = v },
	})
	if !given && root.Kind == yaml.MappingNode {
		r.problem(top, "there is no version; write version: %s", version)
	}
	if databases.node != nil {
		r.list(databases, func(v value) { c.Databases = append(c.Databases, r.database(v, c.Defaults)) })
	}
	if dirs.node != nil {
		r.list(dirs, func(v value) { c.Dirs = append(c.Dirs, r.dir(v, c.Defaults)) })
	}
	if len(c.Databases)+len(c.Dirs) == 0 && len(r.problems) == 0 {
		r.problem(top, "there is nothing to watch; write databases: or directories:")
	}
	return c
}

// settings returns the fields that change s.
func (r *reader) settings(s *Settings) fields {
	every := func(to *time.Duration) func(value) {
		return func(v value) { r.mapping(v, fields{"every": into(r, to, ParseDuration)}) }
	}
	return fields{
		"lag": into(r, &s.Lag, positive),
		"full": func(v value) {
			r.mapping(v, fields{
				"every":            into(r, &s.Full.Every, ParseDuration),
				"after-increments": into(r, &s.Full.AfterIncrements, parseCount),
				"window":           into(r, &s.Full.Window, ParseWindow),
			})
		},
		"lock-keep": into(r, &s.LockKeep, positive),
		"lock-days": into(r, &s.LockLength, parseDays),
		"verify": func(v value) {
			r.mapping(v, fields{
				"every":  into(r, &s.Verify.Every, ParseDuration),
				"sample": into(r, &s.Verify.Sample, ParseShare),
			})
		},
		"drill": func(v value) {
			r.mapping(v, fields{
				"every":   into(r, &s.Drill.Every, ParseDuration),
				"scratch": func(v value) { s.Drill.Scratch, _ = r.text(v) },
				"exec":    func(v value) { s.Drill.Exec = r.command(v) },
				"timeout": into(r, &s.Drill.Timeout, positive),
			})
		},
		"expire":          every(&s.ExpireEvery),
		"compact":         every(&s.CompactEvery),
		"min-free":        into(r, &s.MinFree, ParseFree),
		"max-requests":    into(r, &s.MaxRequests, ParseRate),
		"recipients":      func(v value) { s.Keys.Recipients = r.words(v, r.around.Recipient) },
		"identities":      func(v value) { s.Keys.Identities = r.words(v, isPath) },
		"heartbeat":       into(r, &s.Heartbeat.URL, ParseHeartbeat),
		"heartbeat-every": into(r, &s.Heartbeat.Every, positive),
		"heartbeat-style": into(r, &s.Heartbeat.Style, ParseHeartbeatStyle),
	}
}

func (r *reader) database(v value, defaults Settings) Database {
	d := Database{Settings: defaults}
	var archives []address
	known := r.settings(&d.Settings)
	maps.Copy(known, r.archives(&archives))
	known["path"] = func(v value) { d.Path, _ = r.text(v) }
	known["name"] = func(v value) { d.Name, _ = r.text(v) }
	var writerKey value
	known["writer-key"] = func(v value) {
		writerKey = v
		read(r, v, &d.Keys.WriterKey, func(text string) (string, error) { return text, isPath(text) })
	}
	if !r.entry(v, known, "path") {
		return d
	}
	if d.Name == "" {
		base := filepath.Base(d.Path)
		d.Name = cmp.Or(strings.TrimSuffix(base, ".grafeo"), base)
	}
	r.unique(v, "the database "+d.Path, "path "+clean(d.Path))
	r.unique(v, fmt.Sprintf("the name %q", d.Name), "name "+d.Name)
	if writerKey.node != nil && len(archives) > 1 {
		r.problem(writerKey, "a writer key is that of one archive, and there are %d", len(archives))
	}
	for _, a := range archives {
		r.archive(d.Path, a.text, a.value)
		d.Archives = append(d.Archives, a.text)
	}
	return d
}

func (r *reader) dir(v value, defaults Settings) Dir {
	d := Dir{Settings: defaults}
	var archives []address
	known := r.settings(&d.Settings)
	maps.Copy(known, r.archives(&archives))
	known["dir"] = func(v value) { d.Path, _ = r.text(v) }
	known["pattern"] = func(v value) {
		d.Pattern, _ = r.text(v)
		if _, err := path.Match(d.Pattern, ""); err != nil {
			r.problem(v, "%q is not a pattern; write *.grafeo", v.node.Value)
		}
	}
	if !r.entry(v, known, "dir") {
		return d
	}
	for _, other := range r.dirs {
		if within(d.Path, other) || within(other, d.Path) {
			r.problem(v, "some databases would be in two folders: %s and %s", other, d.Path)
		}
	}
	r.dirs = append(r.dirs, d.Path)
	for _, a := range archives {
		d.Archives = append(d.Archives, a.text)
		if err := CheckTemplate(a.text); err != nil {
			r.problem(a.value, "%v", err)
			continue
		}
		r.archive("", Expand(a.text, "name", "00000000"), a.value)
	}
	return d
}

// command reads a command as a list of its words, one of which has the place of a path. No shell
// reads it, so one text would be taken for the name of a program.
func (r *reader) command(v value) []string {
	words := r.words(v, func(text string) error {
		if strings.ContainsAny(text, "\n\x00") {
			return errors.New("a word of a command has one line")
		}
		return nil
	})
	hasPlace := func(word string) bool { return strings.Contains(word, "{}") }
	if v.node.Kind == yaml.SequenceNode && !slices.ContainsFunc(words[min(1, len(words)):], hasPlace) {
		r.problem(v, `the command does not say where the path of the database goes; write [node, check.mjs, "{}"]`)
	}
	return words
}

// words reads a list of texts, each of which check accepts.
func (r *reader) words(v value, check func(string) error) (all []string) {
	r.list(v, func(v value) {
		text, ok := r.text(v)
		if !ok {
			return
		}
		if err := check(text); err != nil {
			r.problem(v, "%v", err)
		}
		all = append(all, text)
	})
	return all
}

// isPath returns an error if an identity itself stands where the path of its file belongs. The
// error does not repeat it.
func isPath(text string) error {
	switch {
	case text == "":
		return errors.New("the text is empty")
	case strings.HasPrefix(strings.ToUpper(text), "AGE-SECRET-KEY-"):
		return errors.New("this is a secret itself; write the path of a file that only this user can read")
	}
	return nil
}

// address is the text of an archive's address, with its variables replaced, and where it
// stands.
type address struct {
	value
	text string
}

// archives returns the fields that give an entry its archives: one of them.
func (r *reader) archives(to *[]address) fields {
	add := func(v value) {
		if text, ok := r.text(v); ok {
			*to = append(*to, address{v, text})
		}
	}
	return fields{
		"archive": add,
		"archives": func(v value) {
			r.list(v, add)
			if v.node.Kind == yaml.SequenceNode && len(v.node.Content) == 0 {
				r.problem(v, "the list is empty")
			}
		},
	}
}

// entry reads an entry that must have this key, and archives. It reports whether there
// was no problem.
func (r *reader) entry(v value, known fields, name string) bool {
	before := len(r.problems)
	r.mapping(v, known)
	if v.node.Kind != yaml.MappingNode {
		return false
	}
	var names []string
	for i := 0; i < len(v.node.Content); i += 2 {
		names = append(names, v.node.Content[i].Value)
	}
	if !slices.Contains(names, name) {
		r.problem(v, "there is no %s", name)
	}
	one, several := slices.Contains(names, "archive"), slices.Contains(names, "archives")
	switch {
	case one && several:
		r.problem(v, "there are archive and archives; write one of them")
	case !one && !several:
		r.problem(v, "there is no archive")
	}
	return len(r.problems) == before
}

func positive(text string) (time.Duration, error) {
	d, err := ParseDuration(text)
	if err == nil && d == 0 {
		err = errors.New("this must be more than 0")
	}
	return d, err
}
