package main

// copyMutants make a copy of an archive that is not one, or write where they must not.
var copyMutants = []mutant{
	{
		"a copy goes on in an archive that somebody else has written to", "archiver/internal/copying/target.go",
		"	case from == nil:\n		return 0, e\n", "	case from == nil:\n		return 0, nil\n",
		"./archiver", "TestCopyRefuses",
	},
	{
		"what is encrypted is copied without encryption", "archiver/internal/copying/target.go",
		"h.Archive.Encryption == nil && !o.Plain {", "h.Archive.Encryption == nil && false {",
		"./archiver", "TestCopySealedRefuses",
	},
	{
		"a full backup continues what is not there", "archiver/internal/copying/target.go",
		"	case n != 0:\n		return &n, nil\n", "	case n != 0 || m.Kind == manifest.Full:\n		return &n, nil\n",
		"./archiver", "TestCopy$",
	},
	{
		"segments that full backups share are copied again", "archiver/internal/copying/batch.go",
		"ok && to.RawBytes == s.RawBytes {", "ok && false && to.RawBytes == s.RawBytes {",
		"./archiver", "TestCopyShares",
	},
	{
		"the newest full backup gets no digests of its pages", "archiver/internal/copying/pages.go",
		"if c.Seq != r.newestFull || image == nil", "if c.Seq != 0 || image == nil",
		"./archiver", "TestCopyShares|TestCopyDigests",
	},
	{
		"a page that is only in part in an extent counts as zeros", "archiver/internal/copying/pages.go",
		"			digest = pages.Digest{}\n", "",
		"./archiver/internal/copying", "TestDigestsOfAnyExtents",
	},
	{
		"pins are copied with their old numbers", "archiver/internal/copying/keep.go",
		"			p.Backup = n\n", "",
		"./archiver", "TestCopy$",
	},
	{
		"indexes are not compared with those of the archive", "archiver/internal/copying/compare.go",
		"if !bytes.Equal(a.Encode(), b.Encode()) {", "if false && !bytes.Equal(a.Encode(), b.Encode()) {",
		"./archiver", "TestCopyIsCompared",
	},
	{
		"a backup that was left out is not missed", "archiver/internal/copying/compare.go",
		"	return c.done, c.mustHaveAll(ctx)", "	return c.done, nil",
		"./archiver", "TestCopyWithAGap",
	},
	{
		"a segment that was sent is read and sent again", "archiver/internal/copying/transfer.go",
		"	if !isThere {\n		if err := t.carry", "	if !isThere || true {\n		if err := t.carry",
		"./archiver", "TestCopyResumesWithoutReading",
	},
}
