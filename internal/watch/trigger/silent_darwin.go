package trigger

import "golang.org/x/sys/unix"

// silent are file systems that do not tell of all changes: others make them, elsewhere.
var silent = map[string]bool{"nfs": true, "smbfs": true, "afpfs": true, "webdav": true, "osxfuse": true, "macfuse": true}

// isSilent reports whether a folder is on a file system that does not tell of all changes.
func isSilent(folder string) bool {
	var s unix.Statfs_t
	return unix.Statfs(folder, &s) == nil && silent[unix.ByteSliceToString(s.Fstypename[:])]
}
