package config

import (
	"fmt"
	"net/url"
	"strings"
)

// Placeholders in the archive of a folder: the path of a database below the folder,
// without .grafeo, and the first 8 digits of its id.
const (
	PathPlaceholder = "{path}"
	IDPlaceholder   = "{id8}"
)

// Below returns the template for archives below root, each named after its database.
// In a URL, the name goes in front of the query.
func Below(root string) string {
	if isURL(root) {
		address, query, hasQuery := strings.Cut(root, "?")
		address = strings.TrimRight(address, "/") + "/" + PathPlaceholder
		if hasQuery {
			address += "?" + query
		}
		return address
	}
	return strings.TrimRight(root, "/") + "/" + PathPlaceholder
}

// Expand returns the archive that a template means for the database at path below a
// folder, with slashes and without .grafeo. id8 is the beginning of its id.
func Expand(template, path, id8 string) string {
	if isURL(template) {
		parts := strings.Split(path, "/")
		for i, part := range parts {
			parts[i] = url.PathEscape(part)
		}
		path = strings.Join(parts, "/")
	}
	return strings.NewReplacer(PathPlaceholder, path, IDPlaceholder, id8).Replace(template)
}

// NeedsID reports whether a template names the id of a database.
func NeedsID(template string) bool { return strings.Contains(template, IDPlaceholder) }

// CheckTemplate returns an error if a template gives two databases one archive.
func CheckTemplate(template string) error {
	rest := strings.NewReplacer(PathPlaceholder, "", IDPlaceholder, "").Replace(template)
	if open, closing := strings.Index(rest, "{"), strings.Index(rest, "}"); open >= 0 && closing > open {
		return fmt.Errorf("%s is not a placeholder; there are %s and %s", rest[open:closing+1], PathPlaceholder, IDPlaceholder)
	}
	if rest == template {
		return fmt.Errorf("all databases below the folder would have this one archive; write %s where their names go", PathPlaceholder)
	}
	return nil
}

func isURL(address string) bool { return strings.Contains(address, "://") }
