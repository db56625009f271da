package archiver

import "github.com/gbak-s3/gbak-s3/internal/disk"

// On gives a, with the databases that it changes on another disk.
func (a *Archive) On(d disk.Disk) *Archive {
	b := *a
	b.disk = d
	return &b
}

// WithoutRaces gives a, which tries a store without racing, and measures it with
// little: for tests that stop at each operation.
func (a *Archive) WithoutRaces() *Archive {
	b := *a
	b.trial = trial{races: 0, speedBytes: 1 << 10}
	return &b
}
