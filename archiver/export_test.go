package archiver

import "github.com/gbak-s3/gbak-s3/internal/disk"

// On gives a, with the databases that it changes on another disk.
func (a *Archive) On(d disk.Disk) *Archive {
	b := *a
	b.disk = d
	return &b
}

// WithoutRaces gives a, whose first backup tries a store without racing: for
// tests that stop at each of its operations.
func (a *Archive) WithoutRaces() *Archive {
	b := *a
	b.races = 0
	return &b
}
