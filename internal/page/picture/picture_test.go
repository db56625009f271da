package picture_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// TestPictures: histories as there are, drawn as they were when somebody looked at them.
func TestPictures(t *testing.T) {
	t.Parallel()
	for name, v := range scenes() {
		got := document(name, v)
		path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".html")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: it is drawn otherwise; look at it, and write it with -update", name)
		}
		if len(v.Draw()) > 48<<10 {
			t.Errorf("%s: the picture takes %d bytes", name, len(v.Draw()))
		}
	}
}
