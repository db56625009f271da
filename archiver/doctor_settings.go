package archiver

import (
	"context"
	"fmt"

	"github.com/gbak-s3/gbak-s3/storage"
)

// inspect reads the store's settings, as far as it has any.
func (d *doctor) inspect(ctx context.Context) storage.StoreInfo {
	if inspector, ok := d.store.Storage.(storage.Inspector); ok {
		return inspector.Inspect(ctx)
	}
	return storage.StoreInfo{}
}

// settings says what the store's settings mean for an archive.
func (d *doctor) settings(info storage.StoreInfo) {
	d.versioning(info.Versioning)
	d.objectLock(info.ObjectLock)
	for _, rule := range info.Expirations {
		d.report.Checks = append(d.report.Checks, Check{
			Name: "lifecycle", Severity: SeverityProblem, Code: CodeExpires,
			Text: "a lifecycle rule deletes objects of the archive: " + describeRule(rule),
			Hint: "A backup needs all of its objects, and an incremental those of the backups before it. Take the archive's prefix out of the rule.",
		})
	}
	for _, rule := range info.Transitions {
		d.say("lifecycle", SeverityWarning,
			"Objects in archive classes such as GLACIER must be thawed before a restore, which takes hours; "+
				"keep manifests/ and indexes/ out of the rule in any case.",
			"a lifecycle rule moves objects of the archive: %s", describeRule(rule))
	}
	if info.FreeBytes != nil {
		d.space(*info.FreeBytes)
	}
	for _, setting := range info.Unreadable {
		d.say("unseen", SeverityNote, "", "it cannot be seen: %s: %v", setting.Name, setting.Err)
	}
}

func (d *doctor) versioning(v storage.Versioning) {
	switch v {
	case "":
	case storage.VersioningOff:
		d.say("versioning", SeverityNote,
			"Versioning protects against a stolen key and a wrong command: it keeps what somebody else overwrites or deletes.",
			"versioning is off; gbak-s3 itself never overwrites, and never deletes what a backup needs")
	default:
		d.say("versioning", SeverityOK, "", "versioning is %s; no object of a backup is written twice, so it costs nothing until an expiry deletes: then a lifecycle rule must remove what is noncurrent", v)
	}
}

func (d *doctor) objectLock(lock *storage.ObjectLock) {
	switch {
	case lock == nil:
	case !lock.Enabled:
		d.say("object_lock", SeverityNote, "", "object lock is off: who may delete objects can delete backups")
	case lock.Retention == nil:
		d.say("object_lock", SeverityOK, "", "object lock is on, without a default retention; gbak-s3 works with it")
	default:
		r := lock.Retention
		period := countOf(r.Days, "day")
		if r.Days == 0 {
			period = countOf(r.Years, "year")
		}
		d.say("object_lock", SeverityOK, "",
			"object lock keeps every new object for %s (%s); gbak-s3 works with it, but the few objects of these checks stay as long", period, r.Mode)
	}
}

// lockKeep says whether backups can be planned with the locks of the store, if that was asked.
func (d *doctor) lockKeep(ctx context.Context) {
	l, err := d.archive.readLock(ctx, &BackupOptions{LockKeep: d.opts.LockKeep, LockLength: d.opts.LockLength})
	switch {
	case err != nil:
		d.fail("lock_keep", "planning with locks", err)
	case l != nil:
		d.say("lock_keep", SeverityOK, "", "the store locks objects for %s, and backups are to stay restorable for %s: a chain may grow for %s",
			days(l.length), days(l.keep), l.chain())
	}
}

// describeRule says which objects a lifecycle rule concerns, when and how.
func describeRule(r storage.LifecycleRule) string {
	when := "after " + countOf(r.Days, "day")
	if !r.Date.IsZero() {
		when = "on " + r.Date.Format("2006-01-02")
	}
	if r.StorageClass != "" {
		when = "to " + r.StorageClass + " " + when
	}
	return fmt.Sprintf("rule %q for the prefix %q, %s", r.ID, r.Prefix, when)
}

func (d *doctor) space(free int64) {
	if free < 1<<30 {
		d.say("space", SeverityWarning, "Make room: a backup that finds the disk full commits nothing.", "only %d MiB are free on the file system", free>>20)
	} else {
		d.say("space", SeverityOK, "", "%d GiB are free on the file system", free>>30)
	}
}

// countOf is a number of things: "1 day", "2 days".
func countOf(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
