package main

// storesMutants are those of the manners of S3 servers (docs/stores.md).
var storesMutants = []mutant{
	{
		"a put whose folder was removed meanwhile is not tried again", "storage/s3/retry.go",
		" || errorCode(err) == folderVanished", "",
		"./storage/s3", "TestPlainPutIsRetried",
	},
	{
		"the probe of a store does not race", "archiver/internal/probe/probe.go",
		"Thoroughness{Races: 4,", "Thoroughness{Races: 0,",
		"./archiver", "TestUnsafeStoreIsRefused",
	},
	{
		"a store that looks before it takes the body passes the probe", "archiver/internal/probe/conditions.go",
		"verdicts[p.Effort.Races], err = p.overtake(ctx)", "verdicts[p.Effort.Races] = manifest.Honoured",
		"./archiver", "TestUnsafeStoreIsRefused",
	},
	{
		"a store that overwrites passes the probe", "archiver/internal/probe/conditions.go",
		"			return manifest.Ignored, nil", "			return manifest.Honoured, nil",
		"./archiver", "TestDoctorFindsWhatIsUnsafe",
	},
}
