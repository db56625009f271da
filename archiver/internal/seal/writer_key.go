package seal

import (
	"bufio"
	"bytes"
	"fmt"

	"filippo.io/age"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// WriterKey is what a host needs to write to an archive: it opens the list of backups, and no
// data. It must be kept secret all the same: who has it can read the list, and commit.
type WriterKey struct {
	ArchiveID   string
	Keys        manifest.Seq       // the record with the newest key list that is known, 0 for archive.json
	Generations []WriterGeneration // those of which the host has a key, ascending
}

// WriterGeneration is what a host has of a generation of keys.
type WriterGeneration struct {
	Number  int
	From    manifest.Seq // the first record that is encrypted with it
	Data    string       // public half of the data key
	Catalog string       // private half of the catalog key
}

const (
	writerTitle      = "# gbak-s3 writer key. It opens the list of backups, and no data. Keep it secret."
	writerArchive    = "# archive %s with the key list of record %d"
	writerGeneration = "# generation %d from record %d with the data key %s"
)

// Encode returns the file of a writer key. It is an age identity file: by its comments it is a
// writer key.
func (k *WriterKey) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, writerTitle)
	fmt.Fprintf(&b, writerArchive+"\n", k.ArchiveID, k.Keys)
	for _, g := range k.Generations {
		fmt.Fprintf(&b, writerGeneration+"\n%s\n", g.Number, g.From, g.Data, g.Catalog)
	}
	return b.Bytes()
}

// ParseWriterKey parses what [WriterKey.Encode] returned. No error repeats what is in file.
func ParseWriterKey(file []byte) (*WriterKey, error) {
	lines := bufio.NewScanner(bytes.NewReader(file))
	next := func() string {
		lines.Scan()
		return lines.Text()
	}
	if next() != writerTitle {
		return nil, fmt.Errorf("it is no writer key of gbak-s3")
	}
	var k WriterKey
	if n, err := fmt.Sscanf(next(), writerArchive, &k.ArchiveID, &k.Keys); n != 2 || err != nil || len(k.ArchiveID) != 32 {
		return nil, fmt.Errorf("the writer key is damaged: it names no archive")
	}
	for lines.Scan() {
		var g WriterGeneration
		n, err := fmt.Sscanf(lines.Text(), writerGeneration, &g.Number, &g.From, &g.Data)
		g.Catalog = next()
		if n != 3 || err != nil || g.check() != nil || len(k.Generations) > 0 && k.Generations[len(k.Generations)-1].Number >= g.Number {
			return nil, fmt.Errorf("the writer key is damaged: its generation %d cannot be read", len(k.Generations)+1)
		}
		k.Generations = append(k.Generations, g)
	}
	if len(k.Generations) == 0 {
		return nil, fmt.Errorf("the writer key is damaged: it has no key")
	}
	return &k, nil
}

func (g *WriterGeneration) check() error {
	if _, err := age.ParseX25519Recipient(g.Data); err != nil {
		return err
	}
	_, err := age.ParseX25519Identity(g.Catalog)
	return err
}
