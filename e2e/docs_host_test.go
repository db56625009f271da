package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// TestCrontabsWork: cron looks for programs in few folders, which /usr/local/bin is none of, and
// ends a command at a percent sign.
func TestCrontabsWork(t *testing.T) {
	crontab := regexp.MustCompile("(?s)```cron\n(.*?)```")
	seen := 0
	eachFile(t, ".md", func(path, text string) {
		for _, found := range crontab.FindAllStringSubmatch(text, -1) {
			seen++
			if !strings.HasPrefix(found[1], "PATH=/usr/local/bin:") {
				t.Errorf("%s: its crontab does not say where gbak-s3 is:\n%s", path, found[1])
			}
			if strings.Contains(strings.ReplaceAll(found[1], `\%`, ""), "%") {
				t.Errorf("%s: its crontab has a %% without a backslash:\n%s", path, found[1])
			}
		}
	})
	if seen < 3 {
		t.Errorf("there are %d crontabs", seen)
	}
}

// TestCredentialsHaveARegion: whoever copies the credentials of a page, or fills in an example,
// for AWS gets as far as with MinIO.
func TestCredentialsHaveARegion(t *testing.T) {
	for _, ending := range []string{".md", "systemd/env"} {
		seen := 0
		eachFile(t, ending, func(path, text string) {
			if !strings.Contains(text, "AWS_SECRET_ACCESS_KEY=") {
				return
			}
			seen++
			if !strings.Contains(text, "AWS_REGION=") {
				t.Errorf("%s: it names credentials and no AWS_REGION", path)
			}
		})
		if seen == 0 {
			t.Errorf("no %s names credentials", ending)
		}
	}
}
