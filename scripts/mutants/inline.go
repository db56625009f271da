package main

// inlineMutants are those of segments that stand in their manifest.
var inlineMutants = []mutant{
	{
		"a segment in a manifest may be other bytes than its digest says", "archiver/manifest/index.go",
		" || Sum([]byte(s.Data)) != s.SHA256 {", " {",
		"./archiver/manifest", "TestInvalidInline",
	},
	{
		"a manifest may have segments of any size", "archiver/manifest/index.go",
		"inline > MaxInlineBytes || s.IsInline()", "s.IsInline()",
		"./archiver/manifest", "TestInvalidInline",
	},
	{
		"a full backup may have its segment in the manifest", "archiver/manifest/record.go",
		"if ix.HasInline() && (!isLog || m.Content == nil) {", "if ix.HasInline() && m.Content == nil {",
		"./archiver/manifest", "TestInvalidInline",
	},
	{
		"an index that is an object may have segments of its own", "archiver/manifest/record.go",
		"if ix.HasInline() && (!isLog || m.Content == nil) {", "if ix.HasInline() && !isLog {",
		"./archiver/manifest", "TestInvalidInline",
	},
	{
		"what stands in a manifest has no limit when it is written", "archiver/internal/pack/segments.go",
		"if len(body)-s.front > manifest.MaxInlineBytes {", "if len(body) == 0 {",
		"./archiver", "TestInlineUpToItsLimit",
	},
	{
		"an increment of many commits has its segment in its index", "archiver/internal/pack/pack.go",
		"if ix.HasInline() && !ix.FitsInManifest() {", "if ix.HasInline() && !ix.FitsInManifest() && false {",
		"./archiver", "TestManyCommitsAreNotInline",
	},
	{
		"a small increment is an object", "archiver/internal/pack/upload.go",
		"u.mayInline = u.source.Kind != manifest.Full && len(stripes) == 1", "u.mayInline = len(stripes) == 0",
		"./archiver", "TestInlineUpToItsLimit|TestRequestsOfABackup",
	},
	{
		"damage in a manifest's segment is told of no object", "archiver/internal/fetch/segment.go",
		"if s := &f.opts.Index.Segments[segment]; !s.IsInline() {", "if s := &f.opts.Index.Segments[segment]; s != nil {",
		"./archiver", "TestBombsInManifests",
	},
}
