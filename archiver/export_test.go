package archiver

import "github.com/gbak-s3/gbak-s3/internal/disk"

// On gives a, with the databases that it changes on another disk.
func (a *Archive) On(d disk.Disk) *Archive {
	b := *a
	b.disk = d
	return &b
}
