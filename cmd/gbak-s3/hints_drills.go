package main

import (
	"io/fs"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// ofDrills is what may go wrong only where it is proved that an archive can be restored.
var ofDrills = []row{
	{
		name: "no room for a drill", when: both(as[*archiver.ScratchError], is(syscall.ENOSPC, syscall.EDQUOT)),
		say: "Choose a folder with more room with --scratch (`scratch` in the file of a watcher): a drill needs as much as the " +
			"database, and a tenth more. This says nothing about the archive.",
	},
	{
		name: "no command of a drill", when: both(as[*execError], of("drill")),
		say: "Check the command after --exec, and what that runs itself. It is looked for in $PATH, and no shell reads it. " +
			"This says nothing about the archive.",
	},
	{
		name: "no folder for a drill", when: both(as[*archiver.ScratchError], is(fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR, syscall.EROFS)),
		more: func(f *facts) string {
			hint := "Give a folder that exists and may be written to with --scratch (`scratch` in the file of a watcher): the drill restores " +
				"into a folder of its own there, and removes that afterwards. This says nothing about the archive."
			if is(fs.ErrPermission)(f) {
				hint += whoRuns()
			}
			return hint
		},
	},
	{
		name: "another digest", when: code(archiver.CodeDigest),
		say: "Nothing was changed. Either the state is not the one that the first digest is of, or the two were not computed alike: " +
			"then give the new way another scheme, such as v2: before the value. `gbak-s3 drill` with the command that computes it says which one " +
			"a restore gives.",
	},
}
