package main

// storesMutants are those of the manners of S3 servers (docs/stores.md).
var storesMutants = []mutant{
	{
		"a put whose folder was removed meanwhile is not tried again", "storage/s3/retry.go",
		" || errorCode(err) == folderVanished", "",
		"./storage/s3", "TestPlainPutIsRetried",
	},
}
