package main

import (
	"io/fs"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// ofDrills is what may go wrong only where it is proved that an archive can be restored.
var ofDrills = []row{
	{
		name: "no room for a drill", when: both(is(syscall.ENOSPC, syscall.EDQUOT), of("drill")),
		say: "Choose a folder with more room with --scratch: a drill needs as much as the database, and a tenth more.",
	},
	{
		name: "no command of a drill", when: both(as[*execError], of("drill")),
		say: "Check the command after --exec. It is looked for in $PATH, and no shell reads it.",
	},
	{
		name: "no folder for a drill", when: both(of("drill"), func(f *facts) bool { return !ofStore(f) && is(fs.ErrNotExist, syscall.ENOTDIR)(f) }),
		say: "Give a folder that exists with --scratch: the drill restores into a folder of its own there, and removes that afterwards.",
	},
	{
		name: "another digest", when: code(archiver.CodeDigest),
		say: "Nothing was changed. Either the state is not the one that the first digest is of, or the two were not computed alike: " +
			"then give the new way another scheme, such as v2: before the value. `gbak-s3 drill` with the command that computes it says which one " +
			"a restore gives.",
	},
}
