package grafeo

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
)

// UnknownDirectory is the [Image.DatabaseID] of a directory whose log has no first
// commit.
const UnknownDirectory = "log-unknown"

// firstCommitBytes05 is how much of a log is read to make an id of its first commit.
const firstCommitBytes05 = 64 << 10

// IsDirectory reports whether path is a database that is a directory: one of 0.5 that
// has a log, at path/wal, and no image. What cannot be read is none.
// (docs/grafeo-format.md, section 2.6)
func IsDirectory(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	_, err = identifyDirectory(path)
	return err == nil
}

// identifyDirectory returns the generation of the directory at path, which is a database
// only if it has a log of 0.5. The error says why it is none.
func identifyDirectory(path string) (Generation, error) {
	logs, err := listLogs(filepath.Join(path, DirectoryLog), Gen05)
	if err == nil && len(logs) > 0 {
		return Gen05, nil
	}
	if err != nil && !isNotFolder(filepath.Join(path, DirectoryLog)) {
		return "", err
	}
	clean, err := filepath.Abs(path)
	if err == nil && filepath.Base(clean) == DirectoryLog && IsDirectory(filepath.Dir(clean)) {
		return "", &NotDatabaseError{path, "it is the log folder of the database " + filepath.Dir(clean)}
	}
	return "", &NotDatabaseError{path, "a directory without a database"}
}

// isNotFolder reports whether path exists and is not a folder.
func isNotFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// ReadDirectory is [ReadImage] for a directory that is a database. It has no image, so
// the result has [Image.Directory] set and proves nothing. Its DatabaseID is "log-" and a
// checksum of the log's first commit, which copies of one database share, as do databases
// that began alike. It is [UnknownDirectory] while the log has no commit, and after the
// database has removed the log's beginning.
func ReadDirectory(path string) (*Image, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	im := &Image{Path: path, Generation: Gen05, DatabaseID: UnknownDirectory, Directory: true, Empty: true, Created: info.ModTime().UTC()}
	logs, err := listLogs(LogDir(path), Gen05)
	if err != nil || len(logs) == 0 || logs[0].number != 0 {
		return im, err
	}
	in, err := openLog(LogDir(path), logs[0])
	if err != nil {
		return nil, err
	}
	defer in.Close()
	first := make([]byte, min(in.size, firstCommitBytes05))
	if err := readAt(in, first, 0, in.path, "log"); err != nil {
		return nil, err
	}
	end := firstCommit05(first)
	if end == 0 && len(first) < firstCommitBytes05 {
		return im, nil
	}
	if end > 0 {
		first = first[:end]
	}
	sum := sha256.Sum256(first)
	im.DatabaseID = "log-" + hex.EncodeToString(sum[:8])
	return im, nil
}

// firstCommit05 returns the length of the first commit in p, up to and including its
// TransactionCommit record; 0 if p ends before that.
func firstCommit05(p []byte) int {
	for at := 0; ; {
		if len(p)-at < frameLengthField05+1 {
			return 0
		}
		length := int64(binary.LittleEndian.Uint32(p[at:]))
		kind := p[at+frameLengthField05]
		if length == 0 || length > int64(len(p)-at-frameLengthField05-frameCRCField05) {
			return 0
		}
		at += frameLengthField05 + int(length) + frameCRCField05
		if kind == transactionCommit05 {
			return at
		}
	}
}

// FirstFile05 returns the number of the first log file in dir that the database will
// read when it is next opened; 0 if it reads all. After a checkpoint it skips the files
// before the one that was current then, although a directory has no image that holds
// their content. (docs/grafeo-format.md, section 5.5)
func FirstFile05(dir string) (uint64, error) {
	meta, err := ReadCheckpointMeta(dir)
	if err != nil || meta == nil {
		return 0, err
	}
	return meta.LogSequence, nil
}
