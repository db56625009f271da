package keeping

import (
	"context"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/retention"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Next is what the next keep says.
type Next struct {
	Decision *retention.Decision
	Pins     []manifest.Pin
	Policy   *manifest.Rules

	// Horizon is the one of the next keep, or 0 for that of the newest keep. With
	// OwnHorizon it is the next keep itself: nothing that was given up stays any longer.
	Horizon    manifest.Seq
	OwnHorizon bool
}

// Author says who makes a keep, and how long the commit waits for a clear answer.
type Author struct {
	Tool, Host string
	Timeout    time.Duration
}

// Keeping returns what the keep says that puts n into effect.
func (s *State) Keeping(n Next) *retention.Keep {
	k := n.Decision.Keep(s.Keep(), n.Pins, s.Merged)
	k.Keeping.Policy, k.Keeping.DeadBefore = n.Policy, n.Horizon
	if old := s.Keep(); old != nil {
		k.Keeping.First, k.Keeping.DeadBefore = old.First, max(n.Horizon, old.DeadBefore)
	}
	if n.OwnHorizon {
		k.Keeping.DeadBefore = s.List.Last() + 1
	}
	if k.Keeping.First == 0 {
		k.Keeping.First = s.List.Last() + 1
	}
	return k
}

// Update reads the state of the journal's archive, lets decide say what the next keep says,
// and commits that keep; decide returns nil if there is nothing to say. If another run
// commits first, all of it is done again. The result is the keep; nil if there was none to
// commit.
//
// Errors are those of [Read], of decide and of [commit.Head.Commit]: with any but an unknown
// outcome, nothing was committed.
func Update(
	ctx context.Context, j *journal.Journal, options commit.UpdateOptions, by Author, decide func(context.Context, *State) (*Next, error),
) (kept *manifest.Committed, err error) {
	options.List, options.Existing = true, true
	err = commit.Update(ctx, j, options, func(head *commit.Head) error {
		s, err := Read(ctx, j, head.List)
		if err != nil {
			return err
		}
		next, err := decide(ctx, s)
		if err != nil || next == nil {
			return err
		}
		k := s.Keeping(*next)
		kept, err = head.CommitKeep(ctx, k.Keeping, k.LastFull, next.OwnHorizon, commit.KeepAuthor{Tool: by.Tool, Host: by.Host}, by.Timeout)
		return err
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}

// ReadBack reads a keep that was committed once more from the store: what will be deleted,
// will be because of what it says.
func ReadBack(ctx context.Context, j *journal.Journal, kept *manifest.Committed) (*manifest.Committed, error) {
	stored, err := j.Load(ctx, kept.ArchiveID, kept.Seq)
	if err == nil && stored.Digest != kept.Digest {
		err = &manifest.ObjectError{Key: kept.Seq.Key(), Problem: "it is not what was committed"}
	}
	return stored, err
}

// ChangesList reports whether the list of backups, or what stands in for some, differs
// after the keep that puts n into effect.
func (s *State) ChangesList(n Next) bool {
	var standIns []manifest.StandIn
	if old := s.Keep(); old != nil {
		standIns = old.StandIns
	}
	return len(n.Decision.Goes()) > 0 || !slices.Equal(s.Keeping(n).Keeping.StandIns, standIns)
}
