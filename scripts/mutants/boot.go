package main

// bootMutants are those of what goes before a program's start, and of what many archives
// share.
var bootMutants = []mutant{
	{
		"a bucket that is gone is an archive that is yet to be", "cmd/gbak-s3/boot.go",
		"archiver.CodeNoArchive && !errors.Is(err, storage.ErrNoStore)", "archiver.CodeNoArchive",
		"./cmd/gbak-s3", "TestFirstBoot",
	},
	{
		"any error lets a program start empty", "cmd/gbak-s3/boot.go",
		"return archiver.CodeOf(err) == archiver.CodeNoArchive &&", "return err != nil &&",
		"./cmd/gbak-s3", "TestFirstBoot",
	},
	{
		"what a killed restore has left does not show that there was an archive", "archiver/restore.go",
		"!folder && staging.HasLeftover(target) {", "!folder && false {",
		"./archiver", "TestRestoreMissesWhatItFetchedFrom",
	},
	{
		"what a killed restore has published in part is not taken back", "archiver/present.go",
		"	if err := staging.Settle(on, target); err != nil {", "	if err := error(nil); err != nil {",
		"./archiver", "TestPresentAfterAKilledRestore",
	},
	{
		"something else at the path is taken for nothing", "archiver/present.go",
		"		return false, staging.CheckAbsent(target)", "		return false, nil",
		"./archiver", "TestPresent",
	},
	{
		"segments are built without asking for memory", "archiver/internal/pack/upload.go",
		"w.upload.memory.Take(ctx, w.upload.stripeMemory())", "w.upload.memory.Take(ctx, 0)",
		"./archiver", "TestArchivesShareMemory",
	},
	{
		"segments are read without asking for memory", "archiver/internal/fetch/segment.go",
		"pool.Take(ctx, bytes)", "pool.Take(ctx, 0*bytes)",
		"./archiver", "TestArchivesShareMemory",
	},
	{
		"stores of a client share a prefix", "storage/s3/client.go",
		`		s.prefix = o.Prefix + "/"`, `		s.prefix = "prefix/"`,
		"./storage/s3", "TestStoresShareAClient",
	},
	{
		"bytes that a backend reads again are limited again", "storage/throttle/throttle.go",
		"		u.done = u.at\n", "",
		"./storage/throttle", "TestBytesCountOnce|TestLimitIsKept",
	},
	{
		"manifests wait behind segments", "storage/throttle/throttle.go",
		"s.limits.Upload == nil || s.limits.Pass(key) {", "s.limits.Upload == nil {",
		"./storage/throttle", "TestWhatPasses",
	},
}
