package disk

import "golang.org/x/sys/windows"

// roomOf is not sure: NTFS may compress.
func roomOf(dir string) (Room, bool) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return Room{}, false
	}
	var free, total, all uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, &total, &all); err != nil || total == 0 {
		return Room{}, false
	}
	return Room{Free: int64(free)}, true
}
