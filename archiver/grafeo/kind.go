package grafeo

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// FileKind is what a file or folder of Grafeo's is.
type FileKind string

// The kinds that [Recognize] knows.
const (
	KindDatabase       FileKind = "database"        // a container, as native full backups are, too; or a directory with a log
	KindLogFolder      FileKind = "log_folder"      // the folder beside it
	KindLogFile        FileKind = "log_file"        // a file of the log
	KindCursor         FileKind = "cursor"          // backup_cursor.meta
	KindNativeFolder   FileKind = "native_folder"   // a folder of native backups
	KindNativeManifest FileKind = "native_manifest" // the list of these
	KindNativeSegment  FileKind = "native_segment"  // an incremental one of these
)

// Recognize returns the kind of the file or folder at path, by its first bytes if these
// suffice, else by its name, and its generation, which is "" if only the rest of the
// content shows it. It does not check that it is whole. If nothing is at path, the error
// is an [fs.ErrNotExist]; other errors are those of [Identify]. Only regular files and
// folders are opened.
func Recognize(path string) (FileKind, Generation, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", "", err
	}
	if info.IsDir() {
		return recognizeFolder(path)
	}
	if !info.Mode().IsRegular() {
		return "", "", &NotDatabaseError{path, "not a regular file"}
	}
	first, err := firstBytes(path)
	if err != nil {
		return "", "", err
	}
	return recognizeFile(path, first)
}

func recognizeFile(path string, first []byte) (FileKind, Generation, error) {
	name := filepath.Base(path)
	logs := LogGeneration(name)
	switch {
	case string(first) == segmentMagic06:
		return KindLogFile, Gen06, nil
	case strings.HasPrefix(string(first), nativeMagic):
		return KindNativeSegment, "", nil
	case logs != "":
		return KindLogFile, logs, nil
	case strings.HasPrefix(name, "backup_cursor") && strings.HasSuffix(name, ".meta"):
		return KindCursor, "", nil
	case strings.HasPrefix(name, "backup_manifest") && strings.HasSuffix(name, ".json"):
		return KindNativeManifest, manifestGeneration(first), nil
	}
	generation, err := identify(first, path)
	if err != nil {
		return "", "", err
	}
	return KindDatabase, generation, nil
}

func recognizeFolder(path string) (FileKind, Generation, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", "", err
	}
	isLog, logs := false, Generation("")
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		generation := LogGeneration(e.Name())
		switch {
		case e.Name() == NativeManifestName:
			first, err := firstBytes(filepath.Join(path, NativeManifestName))
			return KindNativeFolder, manifestGeneration(first), err
		case generation != "" || e.Name() == CursorName:
			isLog, logs = true, max(logs, generation) // a database that was migrated is one of 0.6
		}
	}
	if !isLog {
		generation, err := identifyDirectory(path)
		if err != nil {
			return "", "", err
		}
		return KindDatabase, generation, nil
	}
	return KindLogFolder, logs, nil
}

// manifestGeneration recognizes the generation of a list of native backups by its first
// bytes: in 0.6 it is JSON; in 0.5 it is a sequence of numbers, the first of which is 1.
// (docs/grafeo-format.md, section 7.3)
func manifestGeneration(first []byte) Generation {
	switch text := strings.TrimLeft(string(first), " \t\r\n"); {
	case strings.HasPrefix(text, "{"):
		return Gen06
	case strings.HasPrefix(text, "\x01"):
		return Gen05
	}
	return ""
}

// firstBytes reads the bytes that identify a file, or all of a shorter one.
func firstBytes(path string) ([]byte, error) {
	f, err := shared.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	first := make([]byte, identityLength)
	n, err := io.ReadFull(f, first)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return first[:n], nil
}
