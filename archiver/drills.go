package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/certificates"
	"github.com/gbak-s3/gbak-s3/storage"
)

// DrillsReport is what is known of the drills of an archive.
type DrillsReport struct {
	Drills []PastDrill // the oldest first

	// Since is the time from which Drills is complete, as far as certificates say: earlier
	// drills may be missing. It is zero if none is missing. Drills of more than 800 days ago
	// are left out.
	Since time.Time

	Requests storage.RequestCounts
}

// PastDrill is a drill of the past.
type PastDrill struct {
	Drilled
	Restore time.Duration // how long the restore took; 0 if that is not known
}

// Drills returns the past drills. However many certificates the archive has, it lists their
// names and reads at most 80 of them: the newest ones, and some of the earlier ones.
func (a *Archive) Drills(ctx context.Context) (DrillsReport, error) {
	var r DrillsReport
	requests, _, err := run(ctx, nil, func(ctx context.Context) error {
		h, err := a.existing(ctx)
		if err != nil {
			return err
		}
		all, since, err := certificates.Drills(ctx, a.objects, h.Archive.ArchiveID)
		for _, d := range all {
			r.Drills = append(r.Drills, PastDrill{Drilled(d.DrillOutcome), d.Restore})
		}
		r.Since = since
		return err
	})
	if err != nil {
		return DrillsReport{Requests: requests}, err
	}
	r.Requests = requests
	return r, nil
}
