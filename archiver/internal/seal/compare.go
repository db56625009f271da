package seal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// RecipientsError is the error for an archive that is encrypted for others than those who were
// given.
type RecipientsError struct {
	Has   []manifest.Recipient // the archive
	Given []Recipient
}

func (e *RecipientsError) Error() string {
	var missing, more []string
	for _, r := range e.Given {
		if !slices.Contains(namesOf(e.Has), r.name()) {
			missing = append(missing, r.name())
		}
	}
	given := nameAll(e.Given)
	for _, name := range namesOf(e.Has) {
		if !slices.Contains(given, name) {
			more = append(more, name)
		}
	}
	var says []string
	if missing != nil {
		says = append(says, "not for "+strings.Join(missing, ", "))
	}
	if more != nil {
		says = append(says, "also for "+strings.Join(more, ", "))
	}
	return fmt.Sprintf("the archive is encrypted for others than those who were given: %s", strings.Join(says, ", and "))
}

// CheckRecipients returns a [*RecipientsError] unless the recipients of a key list are exactly
// those that were given. One passphrase is like another: nobody can tell.
func CheckRecipients(list *manifest.KeyList, given []Recipient) error {
	has, wanted := namesOf(list.Recipients), nameAll(given)
	isIn := func(names []string) func(string) bool {
		return func(name string) bool { return slices.Contains(names, name) }
	}
	if all(has, isIn(wanted)) && all(wanted, isIn(has)) {
		return nil
	}
	return &RecipientsError{list.Recipients, given}
}

func all(names []string, is func(string) bool) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !is(name) })
}

// aPassphrase stands for all passphrases where recipients are compared.
const aPassphrase = "a passphrase"

// name names a recipient, all passphrases alike.
func (r Recipient) name() string {
	if r.kind == manifest.Passphrase {
		return aPassphrase
	}
	return r.text
}

func nameAll(recipients []Recipient) (names []string) {
	for _, r := range recipients {
		names = append(names, r.name())
	}
	return names
}

func namesOf(recipients []manifest.Recipient) (names []string) {
	for _, r := range recipients {
		names = append(names, Recipient{text: r.Recipient, kind: r.Kind}.name())
	}
	return names
}
