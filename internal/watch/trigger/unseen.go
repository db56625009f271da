package trigger

import "errors"

// UnseenError is the error for a folder below which not everything could be seen.
type UnseenError struct {
	Paths []string // of what could not be seen: files, and folders with all that is in them
	Err   error
}

func (e *UnseenError) Error() string { return e.Err.Error() }

func (e *UnseenError) Unwrap() error { return e.Err }

func (e *UnseenError) add(path string, err error) {
	e.Paths, e.Err = append(e.Paths, path), errors.Join(e.Err, err)
}

// Hides reports whether a database could be at a path and would not have been found: it is what could
// not be seen, lies in it, or is a folder with a part that could not be seen.
func (e *UnseenError) Hides(path string) bool {
	for _, unseen := range e.Paths {
		if path == unseen || within(path, unseen) || within(unseen, path) {
			return true
		}
	}
	return false
}
