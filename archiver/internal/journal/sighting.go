package journal

import (
	"errors"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Sighting is a backup that was seen in an archive, as the newest one then.
type Sighting struct {
	Name      string // of the archive then, "" if that is not known
	ArchiveID string
	Encrypted bool // the archive was; not known if a hold says it
	Seq       uint64
	CommitID  string
	Epoch     uint64    // that the backup ends with
	At        time.Time // when it was taken, or committed
	Source    string    // path of the file that records it, "" if this process has seen it
}

// Memory is what is known of archives before the store is asked, so that nothing in it can
// be newer than the answer.
type Memory struct {
	Name   string     // of the archive that is asked, "" if it has none
	Holds  []Sighting // of the holds of a database, perhaps of other archives
	Record *Sighting  // what this host last saw at the address; nil if that is not known
}

// Add adds what this process has seen at the address. What other processes have noted since
// counts as well.
func (m *Memory) Add(seen Sighting) {
	if m.here() == nil {
		m.Record = &seen
	}
	m.Holds = append(m.Holds, seen)
}

// of returns the newest sighting of the archive with this id, nil if there is none.
func (m *Memory) of(archiveID string) *Sighting {
	var newest *Sighting
	for i := range m.Holds {
		if h := &m.Holds[i]; h.ArchiveID == archiveID && (newest == nil || h.Seq > newest.Seq) {
			newest = h
		}
	}
	if r := m.Record; r != nil && r.ArchiveID == archiveID && (newest == nil || r.Seq > newest.Seq) {
		newest = r
	}
	return newest
}

// here returns what was seen at this address, nil if nothing was: of the archive that a hold names, if one
// does, the newest backup that anybody has seen there. Holds and records follow a session with a delay.
func (m *Memory) here() *Sighting {
	var here *Sighting
	for i := range m.Holds {
		if h := &m.Holds[i]; m.Name != "" && h.Name == m.Name {
			here = newerOf(here, h)
		}
	}
	return newerOf(here, m.Record)
}

// newerOf returns the newer of two sightings of one archive, else the first one that is not nil.
func newerOf(a, b *Sighting) *Sighting {
	if a == nil || b != nil && b.ArchiveID == a.ArchiveID && b.Seq > a.Seq {
		return b
	}
	return a
}

// newest returns the number of the newest backup that is known of an archive, 0 if none is.
func (m *Memory) newest(archiveID string) manifest.Seq {
	if s := m.of(archiveID); s != nil && s.Seq <= uint64(manifest.MaxSeq) {
		return manifest.Seq(s.Seq)
	}
	return 0
}

// Lost compares a list with what is known, as far as that takes no request, and returns
// what is missing; nil if nothing is.
func (m *Memory) Lost(l *List) *VanishedError {
	e := &VanishedError{Address: addressOf(m.Name), Seq: uint64(l.Last())}
	was := m.here()
	if l.Archive != nil {
		e.ArchiveID, e.Encrypted = l.Archive.ArchiveID, l.Archive.Encryption != nil
		if s := m.of(e.ArchiveID); s != nil {
			was = s
		}
	}
	if was == nil || was.ArchiveID == e.ArchiveID && was.Seq <= e.Seq {
		return nil
	}
	e.Was = *was
	return e
}

// NoStore returns err, as a [*VanishedError] if it says that the bucket does not exist in
// which there was an archive.
func (m *Memory) NoStore(err error) error {
	if was := m.here(); was != nil && errors.Is(err, storage.ErrNoStore) {
		return &VanishedError{Address: addressOf(m.Name), Was: *was, Err: storage.ErrNoStore}
	}
	return err
}
