package main

import (
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// The command that people copy from a report restores what they see, and nothing that is hidden in it.
func TestReportedRestore(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"s3://backups/people?endpoint=https://minio.example": "gbak-s3 restore -i IDENTITY 's3://backups/people?endpoint=https://minio.example' restored.grafeo --backup 3",
		"/nas/a b":                      "gbak-s3 restore -i IDENTITY '/nas/a b' restored.grafeo --backup 3",
		"/nas/a\nrm -r people":          "gbak-s3 restore -i IDENTITY ARCHIVE restored.grafeo --backup 3",
		"/nas/\u202eelpoep":             "gbak-s3 restore -i IDENTITY ARCHIVE restored.grafeo --backup 3",
		"/" + strings.Repeat("a", 2000): "gbak-s3 restore -i IDENTITY ARCHIVE restored.grafeo --backup 3",
	} {
		l := archiveLook{address: address, status: archiver.StatusReport{Encryption: &archiver.Encryption{}}}
		command, remark := l.restore("--backup", "3")
		if command != want || strings.Contains(command, "ARCHIVE") != strings.Contains(remark, "ARCHIVE") || !strings.Contains(remark, "IDENTITY") {
			t.Errorf("%.60q: %s\n%s", address, command, remark)
		}
	}
}
