package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// KeyChange says how to change who can open an archive, and its keys.
type KeyChange = seal.Change

// KeyChangeReport describes what [Archive.ChangeKeys] has done.
type KeyChangeReport struct {
	Record   uint64 // that was committed; 0 if nothing had to change
	Keys     KeyList
	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// ChangeKeys changes who can open an archive. Added recipients can open everything, including
// what is already stored. If a recipient is removed, or keys are rotated, later backups are
// encrypted with new keys. What is already stored stays as it is, readable for anyone who has
// kept the old keys.
//
// It takes an identity that opens the archive, and one of somebody who stays. The change is
// committed as a record, like a backup: backups that run meanwhile are not lost, and hosts that
// back up find the new keys by themselves, unless they are revoked.
//
// The error is [CodeNotEncrypted] if the archive is not encrypted, [CodeKeyMissing] or
// [CodeKeyWrong] if an identity or the passphrase of a recipient is missing, [CodeRecipients] if
// somebody who is to be removed is no recipient, and [CodeRecipientNeeded] if nobody would be left.
func (a *Archive) ChangeKeys(ctx context.Context, change KeyChange) (KeyChangeReport, error) {
	var r KeyChangeReport
	requests, elapsed, err := run(ctx, nil, func(ctx context.Context) error {
		options := updateOptions(a, "", BackupOptions{})
		options.Existing = true
		author := a.author(0)
		ring := a.objects.Ring
		return commit.Update(ctx, a.journal, options, func(head *commit.Head) error {
			if !ring.IsSealed() {
				return &notEncryptedError{address: a.journal.Address(), why: "its keys are to be changed"}
			}
			list, err := ring.Change(ctx, head.Last.Seq+1, change)
			if err != nil {
				return err
			}
			if list == nil {
				list, err = ring.List(ctx)
			} else {
				var committed *manifest.Committed
				committed, err = head.CommitKeys(ctx, list, commit.KeepAuthor{Tool: author.Tool, Host: author.Host}, author.Timeout)
				if err == nil {
					r.Record = uint64(committed.Seq)
				}
			}
			if err == nil {
				r.Keys = keyListOf(ring.ArchiveID(), ring.Keys(), list)
			}
			return err
		})
	})
	if err != nil {
		return KeyChangeReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}
