package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// What others have written into an archive cannot tell a terminal what to do, or look like more lines
// than it is: a table and a message show that something is there, and no more.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	const hostile = "people\x1b[2J\r\n1\t\u202egood\u0085\x07"
	var out bytes.Buffer
	o := output{stdout: &out, stderr: &out}
	b := archiver.Backup{Seq: 7, Kind: archiver.KindFull, Database: hostile, Host: hostile, Labels: map[string]string{hostile: hostile}, CreatedAt: time.Unix(0, 0)}
	if err := o.printBackups([]archiver.Backup{b}); err != nil {
		t.Fatal(err)
	}
	reach := archiver.Reach{Database: hostile, DatabaseID: "a"}
	if err := o.print("%s", ofDatabase(reach, []archiver.Reach{reach, {DatabaseID: "b"}})); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "\n") != 4 { // two of the table, one below it, and ours
		t.Errorf("it looks like more: %q", out.String())
	}
	o.say(bad, "it is of "+hostile) // whose second line is one of the message
	if left := strings.IndexAny(out.String(), "\x1b\r\t\u202e\u0085\x07"); left >= 0 || !strings.Contains(out.String(), "people\uFFFD[2J") {
		t.Errorf("%q", out.String())
	}
}
