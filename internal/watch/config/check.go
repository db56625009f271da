package config

import (
	"path/filepath"
	"strings"
)

// unique makes sure that nothing else in the file is the same: what names it for
// people, and is by what it is compared.
func (r *reader) unique(v value, what, is string) {
	if line, there := r.seen[is]; there {
		r.problem(v, "%s is there already, in line %d", what, line)
		return
	}
	r.seen[is] = v.node.Line
}

// archive looks whether an address can be the archive of the database at path, and whether it
// is one of its own: in an archive, two databases would take turns with full backups.
func (r *reader) archive(path, address string, v value) {
	place, err := r.around.Place(path, address)
	if err != nil {
		r.problem(v, "%v", err)
		return
	}
	r.unique(v, "this archive", "archive "+place)
}

// clean returns one spelling of a path.
func clean(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// within reports whether path is dir or below it, by their names.
func within(path, dir string) bool {
	rel, err := filepath.Rel(clean(dir), clean(path))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
