//go:build !linux

package disk

import "os"

// Identity is not known on this system: it returns "".
func Identity(string) string { return "" }

// IdentityOf is [Identity] for a file that is open.
func IdentityOf(*os.File) string { return "" }
