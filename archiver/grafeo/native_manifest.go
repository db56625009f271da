package grafeo

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxNativeManifestBytes is more than any list of native backups needs: a reader may
// refuse larger ones.
const MaxNativeManifestBytes = 16 << 20

// NativeManifest is the content of backup_manifest.json: the native backups of a
// folder in the order in which they were made. (docs/grafeo-format.md, section 7.3)
type NativeManifest struct {
	Generation Generation // that wrote it; a list of 0.6 may have entries of 0.5, too
	Entries    []NativeEntry
}

// NativeEntry is one native backup.
type NativeEntry struct {
	Full     bool   // an image; else the log after the entry before
	Filename string // in the folder

	// StartEpoch is 0 in a full backup; else it is the end of the backup before, which
	// the cursor had, plus 1. EndEpoch was the current epoch.
	StartEpoch, EndEpoch uint64

	Checksum uint32 // CRC-32 of the whole file
	Size     uint64 // of the file in bytes
	Created  time.Time
}

// Versions of the manifest.
const (
	nativeManifest05 = 1
	nativeManifest06 = 2
)

// DecodeNativeManifest decodes a list of either generation; it tries JSON first, as the
// database does. Unknown fields in JSON are ignored; names that lead out of the folder,
// and bytes after the end, are damage. The path is for messages; the errors are
// [DamageError] and [UnsupportedVersionError].
func DecodeNativeManifest(b []byte, path string) (*NativeManifest, error) {
	damage := func(offset int, what string) error {
		return &DamageError{Path: path, Offset: int64(offset), What: "list of native backups: " + what}
	}
	if len(b) > MaxNativeManifestBytes {
		return nil, damage(0, fmt.Sprintf("%d bytes are more than any has", len(b)))
	}
	var top map[string]json.RawMessage
	if utf8.Valid(b) && json.Unmarshal(b, &top) == nil && top != nil {
		version, m, err := decodeNativeManifest06(top)
		if err == nil && version > nativeManifest06 {
			return nil, &UnsupportedVersionError{path, "list of native backups, version", fmt.Sprint(version)}
		}
		if err == nil {
			err = m.check()
		}
		if err != nil {
			return nil, damage(0, err.Error())
		}
		return m, nil
	}
	version, n, err := readVarint(b)
	if err != nil || version != nativeManifest05 { // version 2 and later ones are JSON
		return nil, damage(0, "neither JSON (0.6) nor numbers of version 1 (0.5)")
	}
	m, at, err := decodeNativeManifest05(b, n)
	if err == nil && at < len(b) {
		err = errors.New("bytes after the last entry")
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, damage(at, err.Error())
	}
	return m, nil
}

// decodeNativeManifest05 decodes what comes after the version, at offset at, and returns
// how far it came.
func decodeNativeManifest05(b []byte, at int) (*NativeManifest, int, error) {
	m := &NativeManifest{Generation: Gen05}
	count, n, err := readVarint(b[at:])
	if err != nil {
		return nil, at, err
	}
	at += n
	const least = 7 // bytes of an entry
	if count > uint64(len(b)-at)/least {
		return nil, at, fmt.Errorf("%d entries do not fit", count)
	}
	for range count {
		var kind, length, checksum, ms uint64
		n, err := readVarints(b[at:], &kind, &length)
		if err != nil {
			return nil, at, err
		}
		if kind > 1 {
			return nil, at, fmt.Errorf("an entry of kind %d", kind)
		}
		at += n
		if length > uint64(len(b)-at) {
			return nil, at, fmt.Errorf("a file name of %d bytes", length)
		}
		e := NativeEntry{Full: kind == 0, Filename: string(b[at : at+int(length)])}
		at += int(length)
		n, err = readVarints(b[at:], &e.StartEpoch, &e.EndEpoch, &checksum, &e.Size, &ms)
		if err != nil {
			return nil, at, err
		}
		if checksum > math.MaxUint32 {
			return nil, at, errors.New("a checksum of more than 32 bits")
		}
		e.Checksum, e.Created = uint32(checksum), fromMillis(ms)
		at += n
		m.Entries = append(m.Entries, e)
	}
	return m, at, nil
}

// decodeNativeManifest06 looks the fields up by name, as encoding/json would also accept
// other spellings of them.
func decodeNativeManifest06(top map[string]json.RawMessage) (version uint64, m *NativeManifest, err error) {
	if err := field(top, "version", &version); err != nil {
		return 0, nil, err
	}
	if version < nativeManifest06 {
		return 0, nil, fmt.Errorf("version %d in JSON", version)
	}
	if version > nativeManifest06 {
		return version, nil, nil
	}
	var segments []map[string]json.RawMessage
	if err := field(top, "segments", &segments); err != nil {
		return 0, nil, err
	}
	m = &NativeManifest{Generation: Gen06}
	for i, s := range segments {
		var e NativeEntry
		var kind string
		var ms uint64
		err := errors.Join(field(s, "kind", &kind), field(s, "filename", &e.Filename), field(s, "start_epoch", &e.StartEpoch),
			field(s, "end_epoch", &e.EndEpoch), field(s, "checksum", &e.Checksum), field(s, "size_bytes", &e.Size), field(s, "created_at_ms", &ms))
		if err == nil && kind != "Full" && kind != "Incremental" {
			err = fmt.Errorf("kind %q", kind)
		}
		if err != nil {
			return 0, nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		e.Full, e.Created = kind == "Full", fromMillis(ms)
		m.Entries = append(m.Entries, e)
	}
	return version, m, nil
}

// field decodes one field, which must be there.
func field[T any](fields map[string]json.RawMessage, name string, v *T) error {
	var p *T
	if err := json.Unmarshal(fields[name], &p); err != nil || p == nil {
		return fmt.Errorf("field %q is missing or of another type", name)
	}
	*v = *p
	return nil
}

// check refuses file names that are not those of files in the folder.
func (m *NativeManifest) check() error {
	for i, e := range m.Entries {
		name := e.Filename
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") || !utf8.ValidString(name) {
			return fmt.Errorf("entry %d: the file name %q", i+1, name)
		}
	}
	return nil
}

// Encode returns the list as its generation writes it.
func (m *NativeManifest) Encode() []byte {
	if m.Generation == Gen05 {
		b := appendVarints(nil, nativeManifest05, uint64(len(m.Entries)))
		for _, e := range m.Entries {
			b = appendVarints(b, kindNumber(e.Full), uint64(len(e.Filename)))
			b = append(b, e.Filename...)
			b = appendVarints(b, e.StartEpoch, e.EndEpoch, uint64(e.Checksum), e.Size, millis(e.Created))
		}
		return b
	}
	type segment struct {
		Kind        string `json:"kind"`
		Filename    string `json:"filename"`
		StartEpoch  uint64 `json:"start_epoch"`
		EndEpoch    uint64 `json:"end_epoch"`
		Checksum    uint32 `json:"checksum"`
		SizeBytes   uint64 `json:"size_bytes"`
		CreatedAtMS uint64 `json:"created_at_ms"`
	}
	segments := []segment{}
	for _, e := range m.Entries {
		segments = append(segments, segment{kindName(e.Full), e.Filename, e.StartEpoch, e.EndEpoch, e.Checksum, e.Size, millis(e.Created)})
	}
	b, err := json.MarshalIndent(struct {
		Version  int       `json:"version"`
		Segments []segment `json:"segments"`
	}{nativeManifest06, segments}, "", "  ")
	if err != nil { // numbers and strings always encode
		panic(err)
	}
	return b
}

func kindNumber(full bool) uint64 {
	if full {
		return 0
	}
	return 1
}

func kindName(full bool) string {
	if full {
		return "Full"
	}
	return "Incremental"
}
