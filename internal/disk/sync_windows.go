package disk

import "os"

// syncFolder only looks whether the folder is there: Windows cannot sync one,
// NTFS logs its changes.
func syncFolder(folder string) error {
	_, err := os.Stat(folder)
	return err
}
