package main

// openlogMutants are those of logs of 0.5 that are kept open.
var openlogMutants = []mutant{
	{
		"any log continues the backup before", "archiver/internal/capture/remainder.go",
		"case !scan.found || !sameImage && !scan.isSameFile():", "case !scan.found:",
		"./archiver/internal/capture", "TestNoRemainder",
	},
	{
		"two runs of a log are one", "archiver/internal/capture/remainder.go",
		"	case scan.newRun:\n", "	case scan.newRun && false:\n",
		"./archiver/internal/capture", "TestRemainderOfTwoRuns",
	},
	{
		"a run is stored with any image", "archiver/internal/capture/remainder.go",
		"log.Began != 0 && log.Began == q.Parent.Database.HeadersCRC32C", "log.Began != 1",
		"./archiver/internal/capture", "TestNoWholeRun",
	},
	{
		"a log begins on the image that was last seen", "archiver/internal/openlog/openlog.go",
		"case isNew && image == f.quiet, f.current.bytes() == 0:", "case isNew, f.current.bytes() == 0:",
		"./archiver/internal/openlog", "TestImageOnWhichALogBegan",
	},
	{
		"a log that is removed while it is looked at is lost", "archiver/internal/capture/capture.go",
		"		left := q.remainder()\n", "		var left *Source\n",
		"./archiver/internal/capture", "TestRemovedMeanwhile",
	},
	{
		"what was removed since is dropped, too", "archiver/internal/openlog/openlog.go",
		"return slices.Contains(l.gone, x)", "return len(l.gone) > 0",
		"./archiver/internal/openlog", "TestDropWhatWasSeen",
	},
	{
		"an image that the archive has lost is referred to", "archiver/internal/pack/archived.go",
		"return ix, unarchived(p.checkImage(ctx, ix))", "return ix, nil",
		"./archiver", "TestSessionSeesAWholeRun",
	},
	{
		"the epoch of the first of several checkpoints is that of the image", "archiver/internal/replay/find.go",
		"f.again = f.again || f.run != f.seenRun", "_ = f.seenRun",
		"./archiver/internal/replay", "TestFindAndTrim",
	},
}
