package verify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Finding is something wrong with an object.
type Finding struct {
	Key     string // of the object
	Problem string
}

// find notes a finding, once. It may be called concurrently.
func (v *verification) find(key, problem string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f := Finding{key, problem}
	if !v.found[f] {
		v.found[f] = true
		v.report.Findings = append(v.report.Findings, f)
	}
}

// isAboutObject reports whether err is about an object that is damaged or missing.
func isAboutObject(err error) bool {
	_, ok := errors.AsType[*manifest.ObjectError](err)
	return ok
}

// pass notes err as a finding if it is about an object, and returns it if it is not.
func (v *verification) pass(err error) error {
	if object, ok := errors.AsType[*manifest.ObjectError](err); ok {
		v.find(object.Key, object.Problem)
		return nil
	}
	return err
}

// withoutKey is the problem in err, for a finding that has the key already.
func withoutKey(err error) string {
	if object, ok := errors.AsType[*manifest.ObjectError](err); ok {
		return object.Problem
	}
	return err.Error()
}

// untilThen adds to err, which ends the verification, what was found before it: that is
// true whatever comes next.
func (v *verification) untilThen(err error) error {
	if err == nil || len(v.report.Findings) == 0 {
		return err
	}
	f := v.report.Findings[0]
	return fmt.Errorf("%w; until then, %d problems were found, the first of them at %s: %s",
		err, len(v.report.Findings), f.Key, f.Problem)
}

// sortFindings puts the findings into the order of their keys.
func (v *verification) sortFindings() {
	slices.SortFunc(v.report.Findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Problem, b.Problem))
	})
}
