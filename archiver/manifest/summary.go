package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"
)

// GroupBackups is how many backups a group has: those with the numbers 1 to 32, 33 to
// 64, and so on. A manifest has a summary of each backup before it in its group, so a
// list reads one manifest of every group (FORMAT.md, "Summaries").
const GroupBackups = 32

// Summary is what a list shows of a record. A nil field, or a generation of "", means
// the same as in the manifest that has the summary.
type Summary struct {
	Kind        Kind       `json:"kind"`
	Timeline    int        `json:"timeline"`
	Continues   *Seq       `json:"continues,omitempty"`
	StartEpoch  uint64     `json:"start_epoch"`
	EndEpoch    uint64     `json:"end_epoch"`
	RestoreFrom uint64     `json:"restore_from"`
	CreatedAt   time.Time  `json:"created_at"`
	StartTime   *time.Time `json:"start_time,omitempty"` // of a full one
	EndTime     *time.Time `json:"end_time,omitempty"`
	RawBytes    int64      `json:"raw_bytes"`
	StoredBytes int64      `json:"stored_bytes"`
	ReusedBytes int64      `json:"reused_bytes,omitempty"`
	Segments    int        `json:"segments,omitempty"`
	Folder      string     `json:"folder,omitempty"`
	HasIndex    bool       `json:"has_index,omitempty"`  // its index is an object of its own
	ReadUntil   *time.Time `json:"read_until,omitempty"` // of a full one
	Imported    *Digest    `json:"imported,omitempty"`   // of the native file
	Labels      Labels     `json:"labels,omitempty"`

	Generation string  `json:"generation,omitempty"`
	ID         *string `json:"id,omitempty"`   // of the database
	Name       *string `json:"name,omitempty"` // of the database
	Host       *string `json:"host,omitempty"`
	Tool       *string `json:"tool,omitempty"`
}

// Summaries are decoded only up to one more than a manifest can have, which is enough
// to refuse them: a document of nothing but summaries would take much memory.
type Summaries []Summary

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Summaries) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return errors.New("summaries that are not an array")
	}
	for len(*l) < GroupBackups && d.More() {
		var s Summary
		if err := d.Decode(&s); err != nil {
			return err
		}
		*l = append(*l, s)
	}
	return nil
}

// firstOfGroup returns the number of the first backup of seq's group.
func firstOfGroup(seq Seq) Seq { return (seq-1)/GroupBackups*GroupBackups + 1 }

// SetEarlier sets the summaries of m, the successor of before: of before and of those
// before it in the group. There are none if before is in another group, or does not have
// all of its own, as earlier versions did not write them.
func (m *Manifest) SetEarlier(before *Manifest) {
	m.Earlier = nil
	if firstOfGroup(m.Seq) != firstOfGroup(before.Seq) {
		return
	}
	for _, b := range before.Outlines() {
		m.Earlier = append(m.Earlier, b.summary(m))
	}
}

// Outlines returns the backups of m's group up to m, in order: outlines of those
// before m, which have only what summaries have, and m itself. It is nil if m does not
// have all summaries.
func (m *Manifest) Outlines() []*Manifest {
	first := firstOfGroup(m.Seq)
	if len(m.Earlier) != int(m.Seq-first) {
		return nil
	}
	var list []*Manifest
	for i := range m.Earlier {
		list = append(list, m.Earlier[i].outline(first+Seq(i), m))
	}
	return append(list, m)
}

// SameOutline reports whether lists show the same of m and of b.
func (m *Manifest) SameOutline(b *Manifest) bool {
	var nobody Manifest // so that every field is compared
	return m.Seq == b.Seq && m.ArchiveID == b.ArchiveID && m.summary(&nobody).equal(b.summary(&nobody))
}

func (s Summary) equal(o Summary) bool {
	if !s.CreatedAt.Equal(o.CreatedAt) ||
		!both(s.StartTime, o.StartTime, time.Time.Equal) || !both(s.EndTime, o.EndTime, time.Time.Equal) ||
		!both(s.Continues, o.Continues, is) || !both(s.ID, o.ID, is) || !both(s.Name, o.Name, is) ||
		!both(s.Host, o.Host, is) || !both(s.Tool, o.Tool, is) ||
		!both(s.ReadUntil, o.ReadUntil, time.Time.Equal) || !both(s.Imported, o.Imported, is) || !maps.Equal(s.Labels, o.Labels) {
		return false
	}
	s.CreatedAt, s.StartTime, s.EndTime, s.Continues = o.CreatedAt, o.StartTime, o.EndTime, o.Continues
	s.ID, s.Name, s.Host, s.Tool = o.ID, o.Name, o.Host, o.Tool
	s.ReadUntil, s.Imported, s.Labels, o.Labels = o.ReadUntil, o.Imported, nil, nil
	return reflect.DeepEqual(s, o)
}

// both reports whether a and b are the same, or neither is there.
func both[T any](a, b *T, same func(T, T) bool) bool {
	return a == nil && b == nil || a != nil && b != nil && same(*a, *b)
}

func is[T comparable](a, b T) bool { return a == b }

// summary returns the summary of m for the manifest carrier.
func (m *Manifest) summary(carrier *Manifest) Summary {
	s := Summary{
		Kind: m.Kind, Timeline: m.Timeline, Continues: m.Continues,
		StartEpoch: m.StartEpoch, EndEpoch: m.EndEpoch, RestoreFrom: m.RestoreFrom,
		CreatedAt: m.CreatedAt, EndTime: m.EndTime,
		RawBytes: m.RawBytes, StoredBytes: m.StoredBytes, ReusedBytes: m.ReusedBytes, Segments: m.SegmentsNew,
		ID: unless(m.Database.ID, carrier.Database.ID), Name: unless(m.Database.Name, carrier.Database.Name),
		Host: unless(m.Host, carrier.Host), Tool: unless(m.Tool, carrier.Tool),
		Folder: m.Folder, HasIndex: m.Index != nil, Labels: m.Labels,
	}
	if m.Kind == Full {
		s.StartTime, s.ReadUntil = m.StartTime, &m.ReadUntil
	}
	if m.Imported != nil {
		s.Imported = &m.Imported.SHA256
	}
	if m.Database.Generation != carrier.Database.Generation {
		s.Generation = m.Database.Generation
	}
	return s
}

func unless(s, same string) *string {
	if s == same {
		return nil
	}
	return &s
}

func or(s *string, same string) string {
	if s == nil {
		return same
	}
	return *s
}

// outline is the reverse: the manifest of backup seq, with what its summary has.
func (s *Summary) outline(seq Seq, carrier *Manifest) *Manifest {
	generation := s.Generation
	if generation == "" {
		generation = carrier.Database.Generation
	}
	m := &Manifest{
		Seq: seq, ArchiveID: carrier.ArchiveID, Tool: or(s.Tool, carrier.Tool), Host: or(s.Host, carrier.Host),
		CreatedAt: s.CreatedAt, Kind: s.Kind,
		Database: Database{Generation: generation, ID: or(s.ID, carrier.Database.ID), Name: or(s.Name, carrier.Database.Name)},
		Timeline: s.Timeline, Continues: s.Continues,
		StartEpoch: s.StartEpoch, EndEpoch: s.EndEpoch, RestoreFrom: s.RestoreFrom, StartTime: s.StartTime, EndTime: s.EndTime,
		RawBytes: s.RawBytes, StoredBytes: s.StoredBytes, ReusedBytes: s.ReusedBytes, SegmentsNew: s.Segments,
		Folder: s.Folder, Labels: s.Labels,
	}
	if s.ReadUntil != nil {
		m.ReadUntil = *s.ReadUntil
	}
	if s.HasIndex {
		m.Index = new(ObjectRef) // that there is one is all that a summary says
	}
	if s.Imported != nil {
		m.Imported = &Imported{SHA256: *s.Imported}
	}
	return m
}

// validateEarlier checks the summaries as validate checks the manifest.
func (m *Manifest) validateEarlier() error {
	first := firstOfGroup(m.Seq)
	if len(m.Earlier) != 0 && len(m.Earlier) != int(m.Seq-first) {
		return fmt.Errorf("%d summaries, where the group has %d backups before %d", len(m.Earlier), m.Seq-first, m.Seq)
	}
	for i := range m.Earlier {
		b := m.Earlier[i].outline(first+Seq(i), m)
		err := b.validateOutline()
		if err == nil && b.Timeline > m.Timelines {
			err = fmt.Errorf("timeline %d of %d", b.Timeline, m.Timelines)
		}
		if err != nil {
			return fmt.Errorf("what it says of backup %d: %w", b.Seq, err)
		}
	}
	return nil
}
