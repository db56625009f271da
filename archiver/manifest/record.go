package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is what a record is: how much of a database a backup holds, or that it is not a
// backup.
type Kind string

// The kinds of records.
const (
	Full        Kind = "full"        // an image and the log that belongs to it
	Incremental Kind = "incremental" // the log after the backup that it continues

	// Merged is the log of several incrementals in a row. It is a backup only if a keep
	// says that it stands in for them.
	Merged Kind = "merged"

	// Keep is not a backup. It says which earlier records are still backups.
	Keep Kind = "keep"

	// KeyChange is not a backup. It says who can open the archive, and which keys
	// encrypt what follows.
	KeyChange Kind = "keys"
)

// HasContent reports whether records of this kind have a part of a database.
func (k Kind) HasContent() bool { return k != Keep && k != KeyChange }

// IsBackup reports whether records of this kind are backups by themselves.
func (k Kind) IsBackup() bool { return k == Full || k == Incremental }

// checkKinds returns an [*UnsupportedError] if the manifest, or one that it summarizes, is
// of a kind that only newer versions know.
func (m *Manifest) checkKinds() error {
	kinds := []Kind{m.Kind}
	for i := range m.Earlier {
		kinds = append(kinds, m.Earlier[i].Kind)
	}
	for _, kind := range kinds {
		if kind != Full && kind != Incremental && kind != Merged && kind != Keep && kind != KeyChange {
			return &UnsupportedError{What: fmt.Sprintf("records of kind %q", kind)}
		}
	}
	return nil
}

// validateRecord checks what distinguishes the kinds of records.
func (m *Manifest) validateRecord() error {
	if err := m.validateOwnKeys(); err != nil {
		return err
	}
	switch {
	case m.Keep >= m.Seq:
		return fmt.Errorf("record %d follows the keep %d", m.Seq, m.Keep)
	case (m.Kind == Keep) != (m.Keeping != nil):
		return errors.New("a keep that says nothing, or something else that says what a keep does")
	case (m.Kind == Merged) != (m.Replaces != nil):
		return errors.New("a merged record that replaces nothing, or something else that replaces backups")
	case m.Kind.IsBackup() != (m.LastBackup == nil):
		return errors.New("the newest backup before it is missing, or has no place in it")
	case m.LastBackup != nil && (*m.LastBackup == 0 || *m.LastBackup >= m.Seq):
		return fmt.Errorf("record %d follows backup %d", m.Seq, *m.LastBackup)
	case m.Kind == Keep:
		if err := m.Keeping.validate(m.Seq, m.Keep); err != nil {
			return err
		}
		if !m.Keeping.IsBackup(*m.LastBackup) {
			return fmt.Errorf("the newest backup, %d, does not exist", *m.LastBackup)
		}
		if m.LastFull != nil && !m.Keeping.IsBackup(*m.LastFull) {
			return fmt.Errorf("the newest full backup, %d, does not exist", *m.LastFull)
		}
		return nil
	case m.Kind == KeyChange:
		return nil
	case m.Kind == Merged:
		from, to := m.Replaces[0], m.Replaces[1]
		if from == 0 || to < from || to >= m.Seq || m.Continues == nil || *m.Continues >= from {
			return fmt.Errorf("backups %d to %d, merged as %d", from, to, m.Seq)
		}
	}
	if !isOfGeneration(m.Folder, m.Keep+1) {
		return fmt.Errorf("folder %q after the keep %d", m.Folder, m.Keep)
	}
	return nil
}

// isOfGeneration reports whether folder is the name of a folder of a generation below
// limit.
func isOfGeneration(folder string, limit Seq) bool {
	generation, ok := GenerationOf(folder)
	return ok && generation < limit
}

// validateOwnKeys checks what the record says of keys.
func (m *Manifest) validateOwnKeys() error {
	f := clearFields{Seq: m.Seq, Keys: m.Keys, Generation: m.Generation, KeyList: m.KeyList}
	isSealed := m.Generation != 0
	switch {
	case !isSealed && (m.Keys != 0 || m.KeyList != nil):
		return errors.New("keys in an archive that is not encrypted")
	case !isSealed && m.Kind != KeyChange:
		return nil
	case (m.Kind == KeyChange) != (m.Keys == m.Seq):
		return fmt.Errorf("record %d with the keys of %d", m.Seq, m.Keys)
	case (m.Kind == KeyChange || m.Kind == Full) != (m.KeyList != nil):
		return errors.New("a list of keys that is missing, or has no place in it")
	}
	return f.validateKeys()
}

// validateNoState checks that a keep, or a record of kind keys, says nothing of a state of the database.
func (m *Manifest) validateNoState() error {
	isZero := m.Folder == "" && m.Labels == nil && m.Timeline == 0 && m.Continues == nil &&
		m.StartEpoch == 0 && m.EndEpoch == 0 && m.RestoreFrom == 0 && m.StartTime == nil && m.EndTime == nil &&
		m.Commits == 0 && m.Position == Position{} && m.RawBytes == 0 && m.StoredBytes == 0 && m.ReusedBytes == 0 &&
		m.SegmentsNew == 0 && m.Imported == nil && m.Spill == nil && m.Content == nil && m.Index == nil
	if !isZero {
		return errors.New("it describes a state of the database, and is no backup")
	}
	return nil
}

// validateOwn checks that a backup without an image names only what it has written
// itself, so that what else is in use is known from the indexes of full backups; and that
// only such a one has content in its manifest.
func (m *Manifest) validateOwn(ix *Index) error {
	isLog := m.Kind != Full
	prefix := SegmentFolder(m.Folder)
	isOwn := func(s Segment) bool { return s.IsInline() || strings.HasPrefix(s.Key, prefix) }
	if i := slices.IndexFunc(ix.Segments, func(s Segment) bool { return !isOwn(s) }); isLog && i >= 0 {
		return fmt.Errorf("it names %s, which is not in its own folder", ix.Segments[i].Key)
	}
	if ix.HasInline() && (!isLog || m.Content == nil) {
		return errors.New("a segment without a key, where that is not allowed")
	}
	return nil
}
