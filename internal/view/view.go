// Package view says what pages show of what an archive reports: the status page of a watcher and the
// report of archives show the same of the same.
package view

import (
	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/page"
)

// Backup shows a backup.
func Backup(b *archiver.Backup) page.Backup {
	return page.Backup{
		Seq: b.Seq, Kind: string(b.Kind), At: b.CreatedAt, Epoch: b.EndEpoch, Timeline: b.Timeline,
		Raw: b.RawBytes, Stored: b.StoredBytes, Host: b.Host,
	}
}

// Encryption shows whether an archive is encrypted.
func Encryption(isEncrypted bool) string {
	if isEncrypted {
		return "age"
	}
	return "none"
}

// Proof shows what drills and samples have shown.
func Proof(s *archiver.Proofs) page.Proof {
	p := page.Proof{IsKnown: true}
	if s.Unread != nil {
		p.Unread = page.Text(s.Unread.Error())
	}
	if d := s.Proven; d != nil {
		p.Proven = &page.Drill{
			At: d.At, IsOK: true, Timeline: d.Timeline, Epoch: d.Epoch, Restore: d.Restore, Bytes: d.RawBytes, Command: d.Executed, IsRandom: d.Random,
		}
		if d.Time != nil {
			p.Proven.Time = *d.Time
		}
	}
	if d := s.LastDrill; d != nil {
		p.Last = &page.Drill{At: d.At, IsOK: d.OK, Why: page.Text(d.Why), Timeline: d.Timeline, Epoch: d.Epoch, IsRandom: d.Random}
	}
	if c := s.Coverage; c != nil {
		p.IsSampled, p.Read, p.ReadSince, p.Damaged = true, c.Read, c.Since, c.Damaged
	}
	return p
}
