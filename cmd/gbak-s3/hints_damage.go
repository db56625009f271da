package main

import (
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// damage is what to do about objects of an archive that are missing or damaged.
var damage = []row{
	{
		name: "nothing left to salvage", when: both(code(archiver.CodeDamagedArchive), of("salvage")),
		say: "Nothing of this archive can be read. Look for an intact copy of its objects: in the bucket's versions, or in another archive.",
	},
	{name: "newest manifest", when: as[*archiver.NewestError], more: newestHint},
	{
		name: "archive.json", when: as[*archiver.DocumentError],
		say: "What is stored can still be restored: `gbak-s3 restore` relies on the manifests, and `gbak-s3 salvage` shows what there is. Nothing is written to this archive " +
			"until an intact copy of archive.json is back, from the bucket's versions or a copy of the archive; " +
			"or back up to another address, and keep this one for restores.",
	},
	{
		name: "nothing is removed beside damage", when: both(code(archiver.CodeDamagedArchive), of("expire")),
		say: "Nothing was removed: an older backup may be the last good one. Run `gbak-s3 verify --deep` to see which backups are " +
			"whole; `gbak-s3 expire --remove N` gives up one that is not.",
	},
	{
		name: "damaged archive", when: code(archiver.CodeDamagedArchive),
		say: "Run `gbak-s3 salvage` on the archive to see what can still be restored; `gbak-s3 restore --salvage` restores it. " +
			"`gbak-s3 verify --deep` names all that is damaged.",
	},
}

// newestHint says what can still be restored, and how to continue. Nobody can know
// whether an empty manifest ever was a backup. It may have been one, so no backup
// silently continues the one before it.
func newestHint(f *facts) string {
	e, _ := errors.AsType[*archiver.NewestError](f.err)
	goOn := fmt.Sprintf("To continue, put an intact copy of %s back, from the bucket's versions or a copy of the archive. "+
		"If there is none, that backup is lost: move the object away and run `gbak-s3 backup` with --begin-anew, once; "+
		"or back up to another address. If it was no backup, but what an expiry or a pin had recorded, then backups that were "+
		"removed are listed again, perhaps without their data: remove them again.", e.Key)
	if e.Before == 0 {
		return goOn
	}
	return fmt.Sprintf("The backups before it are not affected: `gbak-s3 restore --backup %d` restores the last of them, and `gbak-s3 salvage` "+
		"shows what else can be restored. %s", e.Before, goOn)
}
