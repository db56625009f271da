//go:build !linux

package disk

import "errors"

func renameNew(string, string) error { return errors.ErrUnsupported }
