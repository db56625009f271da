package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Labels are strings that a user has given a backup.
type Labels map[string]string

// Limits of [Labels].
const (
	MaxLabels          = 16
	MaxLabelValueBytes = 256
)

var labelKey = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$`)

// Validate reports why these cannot be labels, nil if they can.
func (l Labels) Validate() error {
	if len(l) > MaxLabels {
		return fmt.Errorf("%d labels, and a backup may have %d", len(l), MaxLabels)
	}
	for key, value := range l {
		if !labelKey.MatchString(key) {
			return fmt.Errorf("the label %q: a name has up to 63 of A-Z a-z 0-9 . _ / - and begins with a letter or digit", key)
		}
		if !isText(value, MaxLabelValueBytes) {
			return fmt.Errorf("the value of the label %s: it may have up to %d bytes of text", key, MaxLabelValueBytes)
		}
	}
	return nil
}

// isText reports whether s can be written into a document and shown in one line. (JSON has
// no other strings than UTF-8: what is not would come back as something else.)
func isText(s string, maxBytes int) bool {
	return len(s) <= maxBytes && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// ValidatePinLabel reports why s cannot be the label of a pin, nil if it can.
func ValidatePinLabel(s string) error {
	if !isText(s, MaxPinLabel) {
		return fmt.Errorf("the label %.40q: it may have up to %d bytes of text", s, MaxPinLabel)
	}
	return nil
}

// Match reports whether there is the label that a pattern names: "KEY", or "KEY=VALUE".
func (l Labels) Match(pattern string) bool {
	key, value, exact := strings.Cut(pattern, "=")
	got, ok := l[key]
	return ok && (!exact || got == value)
}

// ParseLabel splits KEY=VALUE.
func ParseLabel(s string) (key, value string, err error) {
	key, value, ok := strings.Cut(s, "=")
	if !ok {
		return "", "", errors.New("a label has the form KEY=VALUE")
	}
	return key, value, nil
}

// validatePattern reports why no label can match a pattern.
func validatePattern(pattern string) error {
	key, value, _ := strings.Cut(pattern, "=")
	return Labels{key: value}.Validate()
}
