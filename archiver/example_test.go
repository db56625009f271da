package archiver_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

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
	fmt.Println(archiver.CodeOf(err) == archiver.CodeNoArchive)
	// Output: true
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
