package grafeo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// NativeHeaderLength is the length in bytes of the header of a native incremental backup.
// (docs/grafeo-format.md, section 7.5)
const NativeHeaderLength = 32

// nativeMagic is what such a backup begins with.
const nativeMagic = "GBAK"

// NativeHeader is the header of a native incremental backup.
type NativeHeader struct {
	Generation           Generation
	Version              uint32
	StartEpoch, EndEpoch uint64

	// Count is the number of log files (version 1), or of groups with an epoch (version
	// 2), in the backup.
	Count uint64
}

// DecodeNativeHeader decodes the header with which the file at path begins; the path is
// for messages. The errors are [DamageError] and [UnsupportedVersionError].
func DecodeNativeHeader(p []byte, path string) (*NativeHeader, error) {
	if len(p) < NativeHeaderLength {
		return nil, &DamageError{Path: path, Offset: int64(len(p)), What: "native backup: the file ends inside its header"}
	}
	if string(p[:len(nativeMagic)]) != nativeMagic {
		return nil, &DamageError{Path: path, What: "native backup: it does not start with " + strconv.Quote(nativeMagic)}
	}
	h := &NativeHeader{
		Version:    binary.LittleEndian.Uint32(p[4:]),
		StartEpoch: binary.LittleEndian.Uint64(p[8:]),
		EndEpoch:   binary.LittleEndian.Uint64(p[16:]),
		Count:      binary.LittleEndian.Uint64(p[24:]),
	}
	switch h.Version {
	case 1:
		h.Generation = Gen05
	case 2:
		h.Generation = Gen06
	default:
		return nil, &UnsupportedVersionError{path, "native backup version", strconv.FormatUint(uint64(h.Version), 10)}
	}
	return h, nil
}

// Encode returns the header's bytes. Version and Generation must agree.
func (h *NativeHeader) Encode() []byte {
	b := binary.LittleEndian.AppendUint32([]byte(nativeMagic), h.Version)
	b = binary.LittleEndian.AppendUint64(b, h.StartEpoch)
	b = binary.LittleEndian.AppendUint64(b, h.EndEpoch)
	return binary.LittleEndian.AppendUint64(b, h.Count)
}

// NativePart is a part of a native incremental backup: in version 2 a log segment with
// its header, in version 1 all frames of the backup.
type NativePart struct{ Offset, Length int64 }

// nativePartPrefix is the size of the length that precedes each part (version 2).
const nativePartPrefix = 8

// ReadNative reads the header of the native incremental backup in r, which has size
// bytes, and returns it with the places of its parts. It does not read the parts. The path
// is for messages. The errors are [DamageError], [UnsupportedVersionError] and those of r.
func ReadNative(r io.ReaderAt, size int64, path string) (*NativeHeader, []NativePart, error) {
	head := make([]byte, min(NativeHeaderLength, max(size, 0)))
	if err := readAt(r, head, 0, path, "native backup"); err != nil {
		return nil, nil, err
	}
	h, err := DecodeNativeHeader(head, path)
	if err != nil {
		return nil, nil, err
	}
	if h.Generation == Gen05 {
		return h, []NativePart{{NativeHeaderLength, size - NativeHeaderLength}}, nil
	}
	var parts []NativePart
	prefix := make([]byte, nativePartPrefix)
	for at := int64(NativeHeaderLength); at < size; {
		if err := readAt(r, prefix, at, path, "native backup: length of a part"); err != nil {
			return h, nil, err
		}
		length := binary.LittleEndian.Uint64(prefix)
		at += nativePartPrefix
		if rest := uint64(size - at); length < segmentHeaderLength || length > rest {
			return h, nil, &DamageError{
				Path: path, Offset: at - nativePartPrefix,
				What: fmt.Sprintf("native backup: a part of %d bytes, where %d are left", length, rest),
			}
		}
		parts = append(parts, NativePart{at, int64(length)})
		at += int64(length)
	}
	return h, parts, nil
}

// AppendPartLength appends the length that precedes a part of version 2.
func AppendPartLength(b []byte, length int64) []byte {
	return binary.LittleEndian.AppendUint64(b, uint64(length))
}

// In converts the offset of a [DamageError] in the part to one in the file. It returns
// other errors unchanged.
func (p NativePart) In(err error) error {
	if damage, ok := errors.AsType[*DamageError](err); ok {
		moved := *damage
		moved.Offset += p.Offset
		return &moved
	}
	return err
}
