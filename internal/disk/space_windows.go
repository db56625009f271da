package disk

import "golang.org/x/sys/windows"

// spaceOf is not sure: NTFS may compress.
func spaceOf(dir string) (Space, bool) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return Space{}, false
	}
	var free, total, all uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, &total, &all); err != nil || total == 0 {
		return Space{}, false
	}
	return Space{Free: int64(free), ForAnyone: int64(free), Total: int64(total)}, true
}
