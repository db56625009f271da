package main

// salvageMutants call exact what is not, or miss what can be had.
var salvageMutants = []mutant{
	{
		"the end of a backup before one that is lost is sure", "archiver/internal/salvage/span.go",
		"		if seq > p.m.Seq && (next == nil || seq < next.Seq) {\n			return false",
		"		if seq > p.m.Seq && (next == nil || seq < next.Seq) {\n			return true",
		"./archiver", "TestSalvageSaysWhatIsInDoubt",
	},
	{
		"the end of a backup that is lost is that of its epoch", "archiver/internal/salvage/choose.go",
		"c.exact && !s.endsEpoch(a.Backup) {",
		"c.exact && !s.endsEpoch(a.Backup) && false {",
		"./archiver", "TestSalvageOfABackupAmidAnEpoch",
	},
	{
		"a salvage prefers any way to that of an ordinary restore", "archiver/internal/salvage/choose.go",
		"\tif best == nil {\n\t\tbest = s.best(spans, aim)",
		"\tif best == nil || true {\n\t\tbest = s.best(spans, aim)",
		"./archiver", "TestSalvageGoesThePlainWay",
	},
	{
		"what was removed does not help", "archiver/internal/salvage/span.go",
		"range []bool{false, true} {",
		"range []bool{false} {",
		"./archiver", "TestSalvageOfAMergedRecord",
	},
	{
		"a newest record that is lost was nothing", "archiver/internal/salvage/choose.go",
		"			isLess = true // of whatever timeline it was",
		"			isLess = false // of whatever timeline it was",
		"./archiver", "TestSalvageSaysWhatIsInDoubt",
	},
}
