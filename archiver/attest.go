package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/certificates"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// AttestOptions say which digest a state of the database has.
type AttestOptions struct {
	Target Target // the state
	Digest string // SCHEME:VALUE, or just VALUE
}

// AttestReport is what one attestation did.
type AttestReport struct {
	Plan     Plan         // how the state would be restored
	Pinned   PinnedDigest // of the state now
	IsNew    bool         // nobody had said so before
	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Attest pins the digest of a state. The caller has computed it from the open database. The next
// drill of that state must report the same. If another digest of the same scheme is pinned for the
// state, that is an error of [CodeDigest], and nothing changes.
func (a *Archive) Attest(ctx context.Context, opts AttestOptions) (AttestReport, error) {
	var r AttestReport
	requests, elapsed, err := run(ctx, nil, func(ctx context.Context) error {
		if err := ValidateDigest(opts.Digest); err != nil {
			return err
		}
		var list *journal.List
		var plan *catalog.Plan
		err := pursue(ctx, a, opts.Target.of, func(p *pursuit) (err error) {
			list = p.list
			plan, err = a.planTo(ctx, p)
			return err
		})
		if err != nil {
			return err
		}
		pin := manifest.DigestPin{
			ArchiveID: list.Archive.ArchiveID, State: attested(plan), Digest: opts.Digest,
			By: manifest.PinnedByApp, At: manifest.Now(), Tool: a.tool, Host: a.host,
		}
		pinned, isNew, err := certificates.Pin(ctx, a.writable(list), pin)
		if err == nil {
			r.Plan, r.Pinned, r.IsNew = planOf(plan), *describePin(pinned), isNew
		}
		return err
	})
	if err != nil {
		return AttestReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

// attested returns the state of a plan as far as manifests tell it. In 0.6 they do not tell the last commit
// that has an epoch from what follows it without one.
func attested(plan *catalog.Plan) manifest.StateID {
	last := plan.Route.Last()
	id := manifest.StateID{Timeline: last.Timeline, Epoch: plan.State.Epoch}
	if last.Database.Generation == string(grafeo.Gen05) {
		id.File, id.End = plan.State.LogFile, plan.State.LogEnd
	}
	return id
}

// ValidateDigest returns an error unless digest can be the digest of a state.
func ValidateDigest(digest string) error { return manifest.CheckDigest(digest) }
