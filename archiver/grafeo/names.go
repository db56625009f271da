package grafeo

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The names that Grafeo gives to the files of a database, here people.grafeo
// (docs/grafeo-format.md, section 2.1):
//
//	people.grafeo             the image; or a directory, which has its log in wal/ and no image (0.5)
//	people.grafeo.wal/        the log: wal_<number>.log, checkpoint.meta (0.5), backup_cursor.meta
//	people.grafeo.spill/      spilled vectors; kept/ has what a later Grafeo set aside
//	people.grafeo.checkpoint  an image that is being installed (late releases of 0.5)
//	people.grafeo.pre-0.6     the old database, after the upgrade to 0.6
//	people.grafeo.migrating   the new one, until it gets the name
//
// Native backups are in a folder of their own: backup_manifest.json is the list of
// backup_full_<number>.grafeo and backup_incr_<number>.wal.
const (
	// DirectoryLog is the name of the log folder in a directory that is a database.
	DirectoryLog = "wal"

	// CursorName is the name of the backup cursor in a log folder.
	CursorName = "backup_cursor.meta"

	// NativeManifestName is the name of the list of native backups in their folder.
	NativeManifestName = "backup_manifest.json"

	logSuffix            = ".wal"
	spillSuffix          = ".spill"
	pendingSuffix        = ".checkpoint"
	preUpgradeSuffix     = ".pre-0.6"
	migratingSuffix      = ".migrating"
	keptName             = "kept"
	checkpointMetaName05 = "checkpoint.meta"
)

// LogDir returns the folder of the log of the database at path: [DirectoryLog] in a
// directory that is a database ([IsDirectory]), else the one beside the file. It need
// not exist.
func LogDir(path string) string {
	if IsDirectory(path) {
		return filepath.Join(path, DirectoryLog)
	}
	return LogBeside(path)
}

// LogBeside returns the log folder that a database file at path would have, whatever
// is at path now.
func LogBeside(path string) string { return path + logSuffix }

// CutLogDir returns the path of the database file that has its log in dir, by the
// name of dir alone. Of other names it returns false, and dir as it is.
func CutLogDir(dir string) (path string, ok bool) { return strings.CutSuffix(dir, logSuffix) }

// CursorPath returns the path of the backup cursor of the database at path.
func CursorPath(path string) string { return filepath.Join(LogDir(path), CursorName) }

// SpillDir returns the folder of a database's spilled vectors, where no other was
// configured.
func SpillDir(path string) string { return path + spillSuffix }

// KeptDir returns the folder, in a spill folder, of what a later Grafeo has set aside.
func KeptDir(spillDir string) string { return filepath.Join(spillDir, keptName) }

// SpillPath returns where the file with this base name is in the spill folder of the
// database at path, or with kept in the folder of what was set aside there.
func SpillPath(path, base string, kept bool) string {
	if kept {
		return filepath.Join(KeptDir(SpillDir(path)), base)
	}
	return filepath.Join(SpillDir(path), base)
}

// PendingImage returns where late releases of 0.5 keep the image while they install
// it: see [ImagePath].
func PendingImage(path string) string { return path + pendingSuffix }

// Companions returns the paths that belong to a database file at path: the file, its
// log, its spilled vectors and its pending image. The longest one is the last.
func Companions(path string) []string {
	return []string{path, LogBeside(path), SpillDir(path), PendingImage(path)}
}

// PreUpgrade returns where the upgrade to 0.6 leaves the database that was at path.
func PreUpgrade(path string) string { return path + preUpgradeSuffix }

// CutPreUpgrade is the reverse: it returns the name that the database at path had
// before its upgrade. Of other names it returns false, and path as it is.
func CutPreUpgrade(path string) (before string, ok bool) {
	return strings.CutSuffix(path, preUpgradeSuffix)
}

// Migrating returns where the upgrade to 0.6 makes the new database, which gets the
// name path at the end.
func Migrating(path string) string { return path + migratingSuffix }

// ServerFiles returns where Grafeo-server keeps the database that a folder is named
// after: now, and in old versions.
func ServerFiles(folder string) []string {
	return []string{filepath.Join(folder, "data.grafeo"), filepath.Join(folder, "grafeo.db")}
}

// LogName returns the name of a log file: number is its log position in 0.6, and in
// 0.5 the place of the file in the log.
func LogName(gen Generation, number uint64) string {
	if gen == Gen05 {
		return fmt.Sprintf("wal_%08d.log", number)
	}
	return fmt.Sprintf("wal_%020d.log", number)
}

// parseLogName decodes "wal_<digits>.log": 20 digits in 0.6, and in 0.5 eight
// or, once the counter needs them, more, but no more zeros in front than it
// takes for eight. (docs/grafeo-format.md, section 1)
func parseLogName(name string, gen Generation) (uint64, bool) {
	digits, isLog := strings.CutPrefix(name, "wal_")
	digits, hasEnd := strings.CutSuffix(digits, ".log")
	if !isLog || !hasEnd || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	length := len(digits)
	fits := length == 20
	if gen == Gen05 {
		fits = length == 8 || length > 8 && length < 20 && digits[0] != '0'
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, fits && err == nil
}

// LogGeneration returns the generation whose log files have names like this one, and
// "" for other names.
func LogGeneration(name string) Generation {
	for _, generation := range []Generation{Gen05, Gen06} {
		if _, ok := parseLogName(name, generation); ok {
			return generation
		}
	}
	return ""
}

// NativeFullName returns the name of a native full backup, by its number in the list.
func NativeFullName(number int) string { return fmt.Sprintf("backup_full_%04d.grafeo", number) }

// NativeIncrementalName returns the name of a native incremental backup, by its number
// in the list.
func NativeIncrementalName(number int) string { return fmt.Sprintf("backup_incr_%04d.wal", number) }

var nativeName = regexp.MustCompile(`^backup_(full|incr)_\d+\.(grafeo|wal)$`)

// IsNativeName reports whether name is one of a native backup.
func IsNativeName(name string) bool { return nativeName.MatchString(name) }
