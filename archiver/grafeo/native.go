package grafeo

import (
	"encoding/binary"
	"strconv"
)

// NativeHeaderLength is the length in bytes of the header of an incremental
// backup that Grafeo has made itself. (docs/grafeo-format.md, section 7.5)
const NativeHeaderLength = 32

// nativeMagic is what such a backup starts with.
const nativeMagic = "GBAK"

// NativeHeader is the header of a native incremental backup.
type NativeHeader struct {
	Generation           Generation
	Version              uint32
	StartEpoch, EndEpoch uint64

	// Count is the number of log files in it (version 1) or of groups with an
	// epoch (version 2).
	Count uint64
}

// DecodeNativeHeader decodes the header at the front of the file at path, which
// is for messages. The errors are [DamageError] and [UnsupportedVersionError].
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
