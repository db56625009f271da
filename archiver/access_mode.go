package archiver

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// AccessMode is a kind of work on an archive. It determines what a host that does only
// this work is allowed to do there (docs/access.md).
type AccessMode string

// The modes. No mode may change locks, or the settings of a bucket.
const (
	AccessAppendOnly AccessMode = "append-only" // back up, import, pin, compact: create objects, and remove none
	AccessRestore    AccessMode = "restore"     // restore and export
	AccessMonitor    AccessMode = "monitor"     // list, status, report and verify, without the data itself
	AccessExpire     AccessMode = "expire"      // remove backups, and delete what none needs, without reading data
	AccessDrill      AccessMode = "drill"       // what restore may, verify --deep, and drills
)

// AccessModes are all modes.
var AccessModes = []AccessMode{AccessAppendOnly, AccessRestore, AccessMonitor, AccessExpire, AccessDrill}

// ParseAccessMode returns the mode of this name.
func ParseAccessMode(name string) (AccessMode, error) {
	if m := AccessMode(name); slices.Contains(AccessModes, m) {
		return m, nil
	}
	names := make([]string, len(AccessModes))
	for i, m := range AccessModes {
		names[i] = string(m)
	}
	return "", fmt.Errorf("%q is none of %s", name, strings.Join(names, ", "))
}

// Permissions returns the minimum that the work of a mode needs.
func (m AccessMode) Permissions() storage.Permissions {
	everything := []string{""}
	documents := []string{manifest.ArchiveKey, manifest.InstructionsKey, manifest.MirrorKey, manifest.ManifestPrefix, manifest.IndexPrefix}
	switch m {
	case AccessAppendOnly:
		return storage.Permissions{List: true, Read: everything, Create: everything, Settings: true}
	case AccessRestore:
		return storage.Permissions{List: true, Read: append(documents, manifest.SegmentPrefix), Versions: true}
	case AccessMonitor:
		return storage.Permissions{List: true, Read: append(documents, manifest.CertificatePrefix)}
	case AccessExpire:
		return storage.Permissions{
			List: true, Read: append(documents, manifest.FencePrefix), Create: []string{manifest.ManifestPrefix, manifest.FencePrefix},
			Delete:   []string{manifest.ManifestPrefix, manifest.IndexPrefix, manifest.SegmentPrefix, manifest.PagesPrefix, manifest.ProbePrefix},
			Versions: true, Settings: true,
		}
	case AccessDrill:
		return storage.Permissions{
			List: true, Read: everything, Create: []string{manifest.CertificatePrefix, manifest.DigestPrefix}, Versions: true,
		}
	}
	return storage.Permissions{}
}
