package archiver_test

import (
	"bytes"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What full backups share, they share in the copy: it is about as large as the archive, and a
// run that goes on after some of them copies no more.
func TestCopyShares(t *testing.T) {
	from, im := storagetest.NewMemory(), newPagedImage(t, 2800)
	for range 2 {
		im.fullOf(t, from, false)
		im.change(50, 25, 99)
		im.write(t)
	}
	to, _ := copyOf(t, from)
	im.fullOf(t, from, false)
	r := copyInto(t, from, to)
	if r.Backups != 1 || storedBytes(to) > storedBytes(from)*101/100 {
		t.Errorf("%d bytes instead of %d, %+v", storedBytes(to), storedBytes(from), r)
	}
	sameArchive(t, from, to)
	im.change(80, 25, 99)
	im.write(t)
	if b := im.fullOf(t, to, false); b.Backup.ReusedBytes < b.Backup.RawBytes*95/100 {
		t.Errorf("the next full backup of the copy stores more than what has changed: %+v", b)
	}
	if b := im.fullOf(t, from, false); b.Backup.ReusedBytes < b.Backup.RawBytes*95/100 {
		t.Errorf("the next full backup of the archive stores more than what has changed: %+v", b)
	}
	mustBeWhole(t, to)
}

// Digests of the newest full backup are made for the copy, of every page: also of those that are
// shared, zeros, or the last one.
func TestCopyDigests(t *testing.T) {
	from, im := storagetest.NewMemory(), newPagedImage(t, 1200)
	im.fullOf(t, from, false)
	im.clear(300, 200)
	im.change(50, 25, 30)
	im.append(37)
	im.write(t)
	im.fullOf(t, from, false)
	to, _ := copyOf(t, from)
	if len(indexOf(t, to, 1).Image().Pages) != 0 {
		t.Error("there are digests of an older backup, which nobody looks for")
	}
	all := to.Objects()
	var digests []byte
	for _, p := range indexOf(t, to, 2).Image().Pages {
		digests = append(digests, all[p.Key]...)
	}
	// What nothing in the image refers to is zeros in the archive.
	image := restore(t, to, 2)["db.grafeo"]
	id := recordOf(t, to, 2).ArchiveID
	for n := 0; n*manifest.PageBytes < len(image); n++ {
		page := image[n*manifest.PageBytes : min((n+1)*manifest.PageBytes, len(image))]
		want, got := archiver.PageDigest(id, []byte(page)), digests[n*manifest.PageDigestBytes:][:manifest.PageDigestBytes]
		if !bytes.Equal(want[:], got) {
			t.Fatalf("page %d has the digest %x instead of %x", n, got, want)
		}
	}
}
