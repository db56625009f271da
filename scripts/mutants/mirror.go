package main

// mirrorMutants break mirrors, and what keeps others out of them.
var mirrorMutants = []mutant{
	{
		"a record is mirrored although what it names is damaged", "archiver/internal/mirroring/mirroring.go",
		"\t\tr.stop = min(r.stop, n.by)",
		"\t\t_ = n",
		"./archiver", "TestMirrorDoesNotSpreadRot",
	},
	{
		"what is mirrored is not compared with its hash", "archiver/internal/mirroring/transfer.go",
		"\t\t\treturn manifest.Sum(b) == n.sum",
		"\t\t\treturn len(b) > 0",
		"./archiver", "TestMirrorDoesNotSpreadRot",
	},
	{
		"the store copies a segment that it shows to be damaged", "archiver/internal/mirroring/transfer.go",
		"source.SHA256 != nil && !r.hasSum(o.key, *source.SHA256) {",
		"source.SHA256 != nil && false {",
		"./archiver", "TestMirrorLetsStoreCopyNothingDamaged",
	},
	{
		"what the store does not show is damaged", "archiver/internal/mirroring/names.go",
		"return false, &journal.UnseenError{Missing: &object, Look: err}", "return false, nil",
		"./archiver", "TestDamageOfAMirrorWhileTheStoreIsAway",
	},
	{
		"certificates are mirrored", "archiver/internal/mirroring/compare.go",
		"manifest.IsDigestKey(key) || r.named[key] != nil",
		"manifest.IsDigestKey(key) || key[:2] == \"ce\" || r.named[key] != nil",
		"./archiver", "TestMirrorLeavesCertificates",
	},
	{
		"the sizes of records are not compared", "archiver/internal/mirroring/compare.go",
		"(err != nil || isRecord || r.isMirrored(info.Key))",
		"(err != nil || isRecord && false || r.isMirrored(info.Key))",
		"./archiver", "TestMirrorComparesSizes",
	},
	{
		"a lost record is passed over", "archiver/internal/mirroring/names.go",
		"\tif seq := r.firstMissing(); seq != 0 {",
		"\tif seq := r.firstMissing(); seq != 0 && false {",
		"./archiver", "TestMirrorDoesNotSpreadRot",
	},
	{
		"a mirror is an archive before it is complete", "archiver/internal/journal/document.go",
		"\tcase l.IsMirror():\n\t\tl.Records = nil",
		"\tcase l.IsMirror() && false:\n\t\tl.Records = nil",
		"./archiver", "TestMirrorStopsAnywhere|TestMirrorRestoresAtEveryMoment",
	},
	{
		"a mirror is mirrored into after it was detached", "archiver/internal/mirroring/target.go",
		"\tcase detached != nil:",
		"\tcase detached != nil && false:",
		"./archiver", "TestMirrorRefusesOthers|TestMirrorDetached",
	},
	{
		"a writer does not look whether it writes into a mirror", "archiver/internal/commit/head.go",
		"\tif err := j.CheckMirror(ctx, l); err != nil {",
		"\tif err := j.CheckMirror(ctx, l); err != nil && false {",
		"./archiver", "TestMirrorRefusesWriters",
	},
}
