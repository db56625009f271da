package archiver_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage/local"
)

// Back up a database into a directory, check the archive, and restore it.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder

	store, err := local.Open(filepath.Join(dir, "archive"))
	if err != nil {
		log.Fatal(err)
	}
	archive := archiver.New(store, archiver.Options{})
	ctx := context.Background()

	backup, err := archive.Backup(ctx, filepath.Join("..", "examples", "social.grafeo"), archiver.BackupOptions{NoHold: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("backup %d: %s, epoch %d\n", backup.Backup.Seq, backup.Backup.Kind, backup.Backup.EndEpoch)

	checked, err := archive.Verify(ctx, archiver.VerifyOptions{Deep: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("whole: %v\n", checked.OK())

	restored, err := archive.Restore(ctx, filepath.Join(dir, "social.grafeo"), archiver.RestoreOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("restored: epoch %d\n", restored.Plan.Epoch)
	// Output:
	// backup 1: full, epoch 19
	// whole: true
	// restored: epoch 19
}

// Errors have a code for programs and a hint for people.
func ExampleError() {
	store, err := local.Open(filepath.Join(os.TempDir(), "there-is-no-archive-here"))
	if err != nil {
		log.Fatal(err)
	}
	_, err = archiver.New(store, archiver.Options{}).List(context.Background())
	fmt.Println(errors.Is(err, archiver.ErrNoArchive), archiver.CodeOf(err))
	// Output: true no_archive
}

// exampleArchive returns an archive with one backup of a database, in a temporary folder
// that the caller removes.
func exampleArchive() (archive *archiver.Archive, dir string) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	store, err := local.Open(filepath.Join(dir, "archive"))
	if err != nil {
		log.Fatal(err)
	}
	archive = archiver.New(store, archiver.Options{Name: "social"})
	_, err = archive.Backup(context.Background(), filepath.Join("..", "examples", "social.grafeo"), archiver.BackupOptions{NoHold: true})
	if err != nil {
		log.Fatal(err)
	}
	return archive, dir
}

// If nothing has changed since the newest backup, nothing is stored. When the store gave
// no clear answer to a commit, the same call finds out whether it happened.
func ExampleArchive_Backup() {
	archive, dir := exampleArchive()
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	back := func() (archiver.BackupReport, error) {
		return archive.Backup(context.Background(), filepath.Join("..", "examples", "social.grafeo"), archiver.BackupOptions{NoHold: true})
	}
	r, err := back()
	if errors.Is(err, archiver.ErrUnknownOutcome) {
		r, err = back()
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Backup.Kind, r.Backup.Seq)
	// Output: none 1
}

// A session looks at the disk alone, and backs up what is new for two or three requests.
func ExampleArchive_Session() {
	archive, dir := exampleArchive()
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	ctx := context.Background()
	session := archive.Session(filepath.Join("..", "examples", "social.grafeo"), archiver.SessionOptions{})
	if err := session.Check(ctx); err != nil { // reads the archive
		log.Fatal(err)
	}
	for range 3 { // a program waits for changes, and goes on until it ends
		look, err := session.Look(ctx)
		if err != nil {
			log.Fatal(err)
		}
		if look.Commits == 0 && look.NeedsFull == "" {
			continue
		}
		if _, err := session.Backup(ctx, archiver.SessionBackup{NoHold: true}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(session.Close(ctx))
	// Output: <nil>
}

// A state is chosen by backup, epoch or time; without a target it is the newest one.
func ExampleArchive_Restore() {
	archive, dir := exampleArchive()
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	ctx := context.Background()
	r, err := archive.Restore(ctx, filepath.Join(dir, "old.grafeo"), archiver.RestoreOptions{Target: archiver.AtBackup(1)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("epoch", r.Plan.Epoch)

	_, err = archive.Restore(ctx, filepath.Join(dir, "none.grafeo"), archiver.RestoreOptions{Target: archiver.AtEpoch(4711)})
	fmt.Println(errors.Is(err, archiver.ErrUnreachable))
	// Output:
	// epoch 19
	// true
}

// A plan says what a restore would fetch and write.
func ExampleArchive_Plan() {
	archive, dir := exampleArchive()
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	p, err := archive.Plan(context.Background(), archiver.Target{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("full backup %d, %d incrementals, %d bytes to write\n", p.Full, len(p.Incrementals), p.RawBytes)
	// Output: full backup 1, 0 incrementals, 90112 bytes to write
}

func ExampleArchive_List() {
	archive, dir := exampleArchive()
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	r, err := archive.List(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, b := range r.Backups {
		fmt.Println(b.Seq, b.Kind, b.RestoreFrom, b.RestoreTo)
	}
	// Output: 1 full 19 19
}

// A status is compared with how far an archive may lag behind its database.
func ExampleArchive_Status() {
	archive, dir := exampleArchive()
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	r, err := archive.Status(context.Background(), archiver.StatusOptions{Database: filepath.Join("..", "examples", "social.grafeo")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Behind.Continues, r.Behind.Commits, r.Within(time.Hour))
	// Output: true 0 <nil>
}

// What is wrong with an archive is a finding, not an error.
func ExampleArchive_Verify() {
	archive, dir := exampleArchive()
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	manifest := filepath.Join(dir, "archive", "manifests", "0000000001.json")
	if err := os.WriteFile(manifest, []byte("{}"), 0o600); err != nil {
		log.Fatal(err)
	}
	r, err := archive.Verify(context.Background(), archiver.VerifyOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.OK(), r.Findings[0].Key)
	// Output: false manifests/0000000001.json
}

// Grafeo's own backups become backups of an archive, and an export writes them again.
func ExampleArchive_Import() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	store, err := local.Open(filepath.Join(dir, "archive"))
	if err != nil {
		log.Fatal(err)
	}
	archive := archiver.New(store, archiver.Options{})
	ctx := context.Background()
	in, err := archive.Import(ctx, filepath.Join("grafeo", "testdata", "v0.6.0", "backup", "backup"), archiver.ImportOptions{})
	if err != nil {
		log.Fatal(err)
	}
	out, err := archive.Export(ctx, filepath.Join(dir, "backups"), archiver.ExportOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(in.Backups), "backups in, up to epoch", out.ToEpoch, "out")
	// Output: 4 backups in, up to epoch 8 out
}

// A doctor's report says whether it is safe to commit backups to a store.
func ExampleArchive_Doctor() {
	archive, dir := exampleArchive()
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	r, err := archive.Doctor(context.Background(), archiver.DoctorOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Conditions, r.Problem() == nil)
	// Output: honoured true
}

// A file is recognized by its content.
func ExampleInspect() {
	i, err := archiver.Inspect(context.Background(), filepath.Join("..", "examples", "social.grafeo"), archiver.InspectOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(i.What, i.Generation, i.Whole())
	// Output: database 0.6 true
}

// An observer is told how far a run has come.
func ExampleObserver() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	store, err := local.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	var last archiver.Progress
	_, err = archiver.New(store, archiver.Options{}).Backup(context.Background(),
		filepath.Join("..", "examples", "social.grafeo"),
		archiver.BackupOptions{NoHold: true, Observer: func(e archiver.Event) {
			if p, ok := e.(archiver.Progress); ok {
				last = p
			}
		}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d bytes\n", last.Done, last.Total)
	// Output: 90112 of 90112 bytes
}

// An export is a folder from which Grafeo itself can restore.
func ExampleArchive_Export() {
	archive, dir := exampleArchive()
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	folder := filepath.Join(dir, "backups")
	r, err := archive.Export(context.Background(), folder, archiver.ExportOptions{Target: archiver.AtEpoch(19)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Files, "files, up to epoch", r.ToEpoch)
	// Output: 2 files, up to epoch 19
}

// From the first backup on, a 0.6 database keeps its log until the archive has it, or until
// the archive's hold is released.
func ExampleArchive_Release() {
	archive, dir := exampleArchive()
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	ctx := context.Background()
	path := filepath.Join(dir, "people.grafeo")
	if _, err := archive.Restore(ctx, path, archiver.RestoreOptions{}); err != nil {
		log.Fatal(err)
	}
	if _, err := archive.Backup(ctx, path, archiver.BackupOptions{}); err != nil {
		log.Fatal(err)
	}
	held, err := archiver.Holds(ctx, path)
	if err != nil {
		log.Fatal(err)
	}
	released, err := archive.Release(ctx, path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(held.Holds), released)
	// Output: 1 true
}
