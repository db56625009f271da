package main

// compactMutants merge what is not the same, or take it for a backup too early.
var compactMutants = []mutant{
	{
		"the checksum of a merged file is not compared", "archiver/internal/compact/merge.go",
		"		if f.CRC32 != want.CRC32 {",
		"		if f.CRC32 != want.CRC32 && false {",
		"./archiver/internal/compact", "TestProveSums",
	},
	{
		"the commits of a merged log are not counted", "archiver/internal/compact/scan.go",
		"	case s.seen != len(s.merging.commits):",
		"	case s.seen > len(s.merging.commits):",
		"./archiver/internal/compact", "TestScan",
	},
	{
		"the last commit of a merged log may be any", "archiver/internal/compact/scan.go",
		"	case s.last.CRC32C != end.Commit.CRC32C || s.last.LSN",
		"	case s.last.LSN",
		"./archiver/internal/compact", "TestScan",
	},
	{
		"a commit that only a backup ends is merged with the next", "archiver/internal/compact/scan.go",
		"n > 0 && c.Kind == grafeo.Closing {",
		"n < 0 && c.Kind == grafeo.Closing {",
		"./archiver", "TestCompactEndsWithClosing|TestCompact05",
	},
	{
		"a merged record is a backup before its keep", "archiver/internal/journal/living.go",
		"	case e.Seq == e.Record && m.Kind.IsBackup():",
		"	case e.Seq == e.Record && m.Kind.HasContent():",
		"./archiver", "TestCompactStopsAnywhere|TestCompactMeetsOthers",
	},
	{
		"a pinned backup is in the middle of a series", "archiver/internal/compact/choose.go",
		"		if len(m.Labels) > 0 || o.IsFixed(m.Seq) {",
		"		if len(m.Labels) > 0 {",
		"./archiver/internal/compact", "TestChoose",
	},
	{
		"a backup that two continue is merged away", "archiver/internal/compact/choose.go",
		" || continued[series.Last().Seq] != 1 ||",
		" ||",
		"./archiver/internal/compact", "TestChoose",
	},
	{
		"the newest backup is merged", "archiver/internal/compact/choose.go",
		"max(o.Tail, 1)",
		"o.Tail",
		"./archiver/internal/compact", "TestChoose",
	},
	{
		"what was merged into a folder that is dead is committed", "archiver/compact.go",
		"	return m.Generation < k.Keeping.DeadBefore, nil",
		"	return false, nil",
		"./archiver", "TestCompactOfADeadGeneration",
	},
}
