package disk

// CanRemoveOpen reports whether a file in dir can be removed while somebody has it open, and
// dir right after it. On network file systems and FUSE such a file stays in dir under
// another name until it is closed, and on Windows it cannot be removed at all: so there, and
// where it cannot be found out, an open file would be in its owner's way.
func CanRemoveOpen(dir string) bool { return canRemoveOpen(dir) }
