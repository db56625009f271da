// Package errno tells what a system said, whatever system it is. Code names an error as Unix does, such as
// [syscall.ENOSPC]. Go has these names on Windows, too, but Windows says the same by numbers of its own, and
// [errors.Is] does not know that they are the same.
package errno

import (
	"errors"
	"io/fs"
	"runtime"
	"slices"
	"syscall"
)

// Is reports whether err is, or wraps, one of targets, as [errors.Is] says it. If a target is a
// [syscall.Errno], what Windows says in place of it is as good. And if Windows has not found a file server,
// nothing on it is [io/fs.ErrNotExist], though Go says so: what cannot be seen may be there.
func Is(err error, targets ...error) bool { return is(runtime.GOOS, err, targets) }

func is(system string, err error, targets []error) bool {
	return slices.ContainsFunc(targets, func(target error) bool {
		if system == "windows" && target == fs.ErrNotExist && errors.Is(err, badNetPath) { //nolint:errorlint // as below
			return false
		}
		if errors.Is(err, target) {
			return true
		}
		name, ok := target.(syscall.Errno) //nolint:errorlint // a target is a value, and wraps nothing
		return ok && system == "windows" && slices.ContainsFunc(onWindows[name], func(said syscall.Errno) bool {
			return errors.Is(err, said)
		})
	})
}
