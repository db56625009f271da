package main

// sampleMutants claim to have read what was not read, or was not right.
var sampleMutants = []mutant{
	{
		"of arcs that are joined, the later begin counts", "archiver/internal/ring/shrink.go",
		"	if b.BegunAt.Before(a.BegunAt) {",
		"	if b.BegunAt.After(a.BegunAt) {",
		"./archiver/internal/ring", "TestShrink",
	},
	{
		"arcs that are joined claim the higher record", "archiver/internal/ring/shrink.go",
		"UpTo: min(a.UpTo, b.UpTo)",
		"UpTo: max(a.UpTo, b.UpTo)",
		"./archiver/internal/ring", "TestShrink",
	},
	{
		"an arc covers, although something was wrong", "archiver/internal/ring/ring.go",
		"		if !a.IsIntact() {",
		"		if !a.IsIntact() && false {",
		"./archiver/internal/ring", "TestNoClaimIsFalse|TestClaimOfNothing",
	},
	{
		"the newest record of an arc is claimed for all", "archiver/internal/ring/ring.go",
		"a.UpTo < c.UpTo {",
		"a.UpTo > c.UpTo {",
		"./archiver/internal/ring", "TestNoClaimIsFalse",
	},
	{
		"an arc from the future is believed", "archiver/internal/ring/ring.go",
		"		if !a.BegunAt.After(now) {",
		"		if !a.BegunAt.After(now) || true {",
		"./archiver/internal/ring", "TestFromTheFuture",
	},
	{
		"the sample that ends last hides the one that has begun last", "archiver/internal/ring/ring.go",
		"		if compare(o, a) <= 0 {",
		"		if compare(o, a) <= 0 || true {",
		"./archiver/internal/ring", "TestTwoAtOnce|TestTheLatestSampleCounts",
	},
	{
		"no segment is on an arc that goes past the highest hash", "archiver/manifest/arc.go",
		"p-a.From < a.To-a.From }",
		"p >= a.From && p < a.To }",
		"./archiver/manifest", "TestContains",
	},
	{
		"a record that may become a backup is claimed", "archiver/internal/verify/sample.go",
		"		if m.Kind == manifest.Merged && m.Seq > keep {",
		"		if m.Kind == manifest.Merged && m.Seq > keep && false {",
		"./archiver", "TestSampleBeforeAMergedRecordStandsIn",
	},
	{
		"a claim does without a manifest that is missing", "archiver/internal/verify/sample.go",
		"strings.HasPrefix(f.Key, manifest.ManifestPrefix)",
		"false",
		"./archiver", "TestSampleWithoutAManifest",
	},
	{
		"what no file needs is claimed unread", "archiver/internal/fetch/fetch.go",
		"	return f.opts.Everything && !f.opts.Index.Segments[segment].IsInline()",
		"	return false",
		"./archiver", "TestSampleReadsWhatNoFileNeeds",
	},
	{
		"a sample has begun when it ended", "archiver/verify.go",
		"before.with(begun, read)",
		"before.with(manifest.Now(), read)",
		"./archiver", "TestSamplesOfAnArchiveThatLives|TestSampleBeforeAMergedRecordStandsIn",
	},
}
