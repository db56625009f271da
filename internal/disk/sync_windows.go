package disk

import "os"

// syncFolder only checks that the folder exists: Windows cannot sync folders, whose
// changes NTFS logs.
func syncFolder(folder string) error {
	_, err := os.Stat(folder)
	return err
}
