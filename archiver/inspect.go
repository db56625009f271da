package archiver

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/native"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// ArchiveFolder is the kind of a directory that contains an archive.
const ArchiveFolder grafeo.FileKind = "archive"

// Inspection describes what is at a path.
type Inspection struct {
	Path       string
	What       grafeo.FileKind
	Generation grafeo.Generation // empty where nothing tells

	// Checked reports that everything that can be checked was read; otherwise the file
	// was only recognized. Problem is the first thing that is wrong, nil if nothing is.
	Checked bool
	Problem *Problem

	// Directory reports that it is a WAL directory: a database of 0.5 that has a log and
	// no image.
	Directory bool

	// Epochs is the part of the history that is there, nil if nothing tells.
	Epochs *Epochs

	Image  *grafeo.Image        // of a database; nil if that is a WAL directory
	Spill  *Spill               // of a database that has spilled vectors
	Log    *LogSummary          // of a log, or of a database that has one
	Cursor *grafeo.Cursor       // of a cursor
	Native *grafeo.NativeHeader // of a native incremental backup
	List   *NativeList          // of native backups

	Archive *ArchiveSummary // of an archive whose archive.json can be read
}

// ArchiveSummary is what can be seen of an archive in a folder without its keys.
type ArchiveSummary struct {
	ArchiveID  string
	Encryption *Encryption // as it began; nil if it is not encrypted
}

// Whole reports whether everything was checked and nothing is wrong.
func (i *Inspection) Whole() bool { return i.Checked && i.Problem == nil }

// Problem is what is wrong with a file.
type Problem struct {
	File   string
	Offset *int64 // nil if it is not at one place
	What   string // for people; it names file and offset, too
}

// Epochs is a part of a history. The times are zero if the database records none. A
// database is in the state To when it is opened.
type Epochs struct {
	From, To         uint64
	FromTime, ToTime time.Time
}

// InspectOptions modify one inspection. The zero value is usable.
type InspectOptions struct {
	// Closed is as in [BackupOptions].
	Closed bool
}

// Inspect reports what the file or folder at path is, and whether it is whole. It may be a
// database with its log, closed or in use, a part of one, a folder or file of Grafeo's own
// backups, or an archive. An archive is only recognized. Inspect locks nothing and writes
// nothing.
//
// Damage is not an error but the report's Problem; the report then has what could be
// read. Anything else at path is [CodeNotDatabase].
func Inspect(ctx context.Context, path string, opts InspectOptions) (Inspection, error) {
	var i Inspection
	_, _, err := run(ctx, nil, func(ctx context.Context) error {
		what, err := recognize(path)
		if err != nil {
			return locate.ExplainMissing(path, err)
		}
		if what.What == grafeo.KindDatabase {
			if err := locate.CheckLog(ctx, what.Path, opts.Closed); err != nil {
				return err
			}
		}
		path := what.Path
		database, _ := grafeo.CutLogDir(filepath.Clean(path))
		err = capture.UntilStable(ctx, database, grafeo.IsTorn, func() error {
			i = what
			return i.read(ctx)
		})
		if i.Problem = problemOf(err); i.Problem != nil {
			return nil
		}
		return err
	})
	if err != nil {
		return Inspection{}, err
	}
	return i, nil
}

// summarize returns what archive.json says in the clear, nil if it cannot be read.
func summarize(path string) *ArchiveSummary {
	b, err := disk.ReadUpTo(path, manifest.MaxManifestBytes)
	if err != nil || !manifest.Intact(b) {
		return nil
	}
	var clear struct {
		ArchiveID  string               `json:"archive_id"`
		Encryption *manifest.Encryption `json:"encryption"`
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if err := json.Unmarshal(line, &clear); err != nil {
		return nil
	}
	s := &ArchiveSummary{ArchiveID: clear.ArchiveID}
	if e := clear.Encryption; e != nil && len(e.Keys.Generations) > 0 {
		s.Encryption = encryptionOf(&e.Keys)
	}
	return s
}

// recognize says what is at path, and nothing of its content.
func recognize(path string) (Inspection, error) {
	document := filepath.Join(path, manifest.ArchiveKey)
	_, err := os.Stat(document)
	if err == nil {
		return Inspection{Path: path, What: ArchiveFolder, Archive: summarize(document)}, nil
	}
	what, generation, err := grafeo.Recognize(path)
	if info, statErr := os.Stat(path); errors.Is(err, grafeo.ErrNotDatabase) && statErr == nil && info.IsDir() {
		file, err := locate.Database(path)
		if err != nil {
			return Inspection{}, err
		}
		what, generation, err = grafeo.Recognize(file)
		return Inspection{Path: file, What: what, Generation: generation}, err
	}
	return Inspection{Path: path, What: what, Generation: generation}, err
}

// problemOf returns the damage that err describes, nil if it is about something else.
func problemOf(err error) *Problem {
	if err == nil || as[*capture.UnsteadyError](err) {
		return nil
	}
	var damage *grafeo.DamageError
	var gap *grafeo.GapError
	var wrong *grafeo.WrongDatabaseError
	var faults native.Faults
	switch {
	case errors.As(err, &faults):
		return nativeProblem(faults)
	case errors.As(err, &damage):
		return &Problem{damage.Path, &damage.Offset, damage.Error()}
	case errors.As(err, &gap):
		return &Problem{gap.Path, nil, gap.Error()}
	case errors.As(err, &wrong):
		return &Problem{wrong.Path, nil, wrong.Error()}
	}
	return nil
}

// read fills i in as far as it gets.
func (i *Inspection) read(ctx context.Context) error {
	switch i.What {
	case grafeo.KindDatabase:
		i.Checked = true
		return i.database(ctx)
	case grafeo.KindLogFolder, grafeo.KindLogFile:
		i.Checked = true
		return i.log(ctx)
	case grafeo.KindCursor:
		i.Checked = true
		return i.cursor()
	case grafeo.KindNativeSegment:
		i.Checked = true
		return i.native(ctx)
	case grafeo.KindNativeManifest:
		i.Checked = true
		return i.nativeManifest()
	case grafeo.KindNativeFolder:
		i.Checked = true
		return i.nativeFolder(ctx)
	}
	return nil
}

// database inspects a database file and the log after its image, which is what
// the database reads when it is opened.
func (i *Inspection) database(ctx context.Context) (err error) {
	if i.Image, err = grafeo.ReadDatabase(i.Path); err != nil {
		return err
	}
	opts := grafeo.ScanOptions{DatabaseID: i.Image.DatabaseID}
	if i.Generation == grafeo.Gen06 {
		opts.From = &grafeo.Position{LSN: i.Image.CheckpointLSN}
	}
	i.Log, err = summarizeFolder(ctx, grafeo.LogDir(i.Path), i.Generation, opts)
	i.Epochs = epochsOf(i.Image, i.Log)
	spill, spillErr := capture.ListSpill(i.Path)
	i.Spill = spillOf(spill)
	if i.Image.Directory {
		i.Image, i.Directory = nil, true
	} else if err := checkImage(ctx, i.Image); err != nil {
		return err
	}
	return cmp.Or(err, spillErr, capture.CheckSpill(spill))
}

// checkImage reads all of an image.
func checkImage(ctx context.Context, image *grafeo.Image) error {
	f, err := shared.Open(image.Path)
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	return image.Check(ctx, f)
}

// epochsOf returns the epochs that an image and the log after it have. In 0.5 epochs of
// different runs cannot be compared: these are those of the last one, with the image's if
// it may be of that run.
func epochsOf(image *grafeo.Image, log *LogSummary) *Epochs {
	e := &Epochs{image.Epoch, image.Epoch, image.Time, image.Time}
	if log == nil || log.Commits == 0 {
		return e
	}
	last := log.Runs[len(log.Runs)-1]
	e.To, e.ToTime = last.To, last.ToTime
	if image.Generation == grafeo.Gen05 && (image.Empty || image.Epoch > last.To) {
		e.From, e.FromTime = last.From, last.FromTime
	}
	return e
}

func (i *Inspection) log(ctx context.Context) (err error) {
	if i.What == grafeo.KindLogFile {
		i.Log, err = summarizeFile(ctx, i.Path, i.Generation)
	} else {
		i.Log, err = summarizeFolder(ctx, i.Path, i.Generation, grafeo.ScanOptions{})
	}
	if i.Log != nil && i.Log.Commits > 0 {
		last := i.Log.Runs[len(i.Log.Runs)-1]
		i.Epochs = &last
	}
	return err
}

func (i *Inspection) cursor() error {
	b, err := disk.ReadUpTo(i.Path, grafeo.MaxCursorBytes+1)
	if err != nil {
		return err
	}
	i.Cursor, err = grafeo.DecodeCursor(b, i.Path)
	if err == nil {
		i.Generation = i.Cursor.Generation
	}
	return err
}
