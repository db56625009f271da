package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/internal/watch/server"
	"github.com/gbak-s3/gbak-s3/storage"
)

// jsonLines are all lines of JSON that the command prints, by the headings of
// docs/json.md.
var jsonLines = []struct {
	heading string
	line    any
}{
	{"backup", backupLine{}}, {"backup_plan", backupPlanLine{}}, {"plan and restore", planLine{}}, {"plan and restore", noneLine{}}, {"status", statusLine{}}, {"reach", reachLine{}}, {"verify", verifyLine{}}, {"drill", drillLine{}}, {"attest", attestLine{}}, {"salvage", salvageLine{}}, {"salvaged", salvagedLine{}},
	{"hold", holdLine{}}, {"requests", storage.RequestCounts{}}, {"cost", costLine{}}, {"spill", spillLine{}}, {"encryption", encryptionLine{}},
	{"doctor", doctorLine{}}, {"inspect", inspectLine{}}, {"export", exportLine{}}, {"import", lostLine{}}, {"error", failure{}},
	{"release", releaseLine{}}, {"expire_backup", expireBackupLine{}}, {"expire", expireLine{}}, {"policy", policyLine{}}, {"rules", rulesLine{}}, {"pin", pinLine{}}, {"version", versionLine{}},
	{"identity", identityLine{}}, {"keys", keysLine{}}, {"key_list", keyListLine{}}, {"keys_check", keysCheckLine{}}, {"writer_key", writerKeyLine{}}, {"sheet", sheetLine{}},
	{"mirror", mirrorLine{}}, {"detach", detachLine{}}, {"watch", watchLine{}}, {"watch_status", server.WatchStatus{}}, {"watch_target", targetLine{}}, {"health", healthLine{}},
}

// fields returns the names of all fields of a line, also of those inside of it.
func fields(t reflect.Type, add func(name, kind string)) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.String() == "time.Time" {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name == "" && !f.Anonymous {
			name = f.Name // it has no tag, and so a name that nobody has chosen
		}
		if name != "" {
			add(name, f.Type.String())
		}
		if !hasSection(f.Type) {
			fields(f.Type, add)
		}
	}
}

// hasSection reports whether what is in a field is documented by itself.
func hasSection(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	for _, l := range jsonLines {
		if reflect.TypeOf(l.line) == t {
			return true
		}
	}
	return false
}

// TestJSONIsDocumented: programs rely on the fields, so docs/json.md has each.
func TestJSONIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range jsonLines {
		_, section, found := strings.Cut(string(text), "\n## "+l.heading+"\n")
		if !found {
			t.Errorf("there is no section %q", l.heading)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		fields(reflect.TypeOf(l.line), func(name, kind string) {
			if !strings.Contains(section, "`"+name+"`") {
				t.Errorf("%s: `%s` (%s) is not documented", l.heading, name, kind)
			}
		})
	}
}
