package disktest

import "io/fs"

// Plan returns what happens to step number n, from 1 on.
type Plan func(n int, step string) Fault

// Fault is what happens to a step. With the zero value it succeeds.
type Fault struct {
	Err     error // the step fails with it
	Stop    bool  // the step and all later ones fail, as if the process were dead
	Applied bool  // the step is done all the same
}

func (f Fault) err(step string) error {
	switch {
	case f.Stop:
		return stopped{step}
	case f.Err != nil:
		return &fs.PathError{Op: "step", Path: step, Err: f.Err}
	}
	return nil
}

// StopAt returns a plan by which the process dies right before step k, or right after it if
// applied is true.
func StopAt(k int, applied bool) Plan {
	return func(n int, _ string) Fault { return Fault{Stop: n >= k, Applied: applied && n == k} }
}

// FailAt returns a plan by which only step k fails.
func FailAt(k int, err error) Plan {
	return func(n int, _ string) Fault {
		if n == k {
			return Fault{Err: err}
		}
		return Fault{}
	}
}

// stopped is the error of a step after the process is dead. It is a permanent one, so that
// nobody retries.
type stopped struct{ step string }

func (s stopped) Error() string        { return s.step + ": the process is dead" }
func (s stopped) Is(target error) bool { return target == fs.ErrPermission }
