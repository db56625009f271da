//go:build !linux

package local

import "errors"

// renameNew would rename a file unless newPath exists.
func renameNew(string, string) error { return errors.ErrUnsupported }
