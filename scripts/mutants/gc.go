package main

// gcTests are the tests of what a sweep deletes.
const gcTests = "TestSweepsOfRandomArchives|TestGroupsOfManifests|TestUnreadable|TestMissing|TestSweepsThatFail|TestSweepRefuses"

// gcMutants delete what may be needed, or leave what is dead.
var gcMutants = []mutant{
	{
		"what is of the horizon's own generation is dead, too", "archiver/internal/gc/names.go",
		"u == 0 && generation < n.keep.DeadBefore", "u == 0 && generation <= n.keep.DeadBefore",
		"./archiver/internal/gc", gcTests,
	},
	{
		"removed backups after the horizon protect nothing", "archiver/internal/gc/names.go",
		"(record > n.keep.DeadBefore || n.then.Contains(record))", "n.then.Contains(record)",
		"./archiver/internal/gc", gcTests,
	},
	{
		"what was alive as of the horizon protects nothing", "archiver/internal/gc/names.go",
		"(record > n.keep.DeadBefore || n.then.Contains(record))", "record > n.keep.DeadBefore",
		"./archiver/internal/gc", gcTests,
	},
	{
		"a record that is missing after the horizon names nothing", "archiver/internal/gc/names.go",
		"after <= last {", "after > last {",
		"./archiver/internal/gc", gcTests,
	},
	{
		"an index that cannot be read names nothing", "archiver/internal/gc/names.go",
		"			err = n.addKeys(ctx, m, u)\n", "			_ = n.addKeys(ctx, m, u)\n",
		"./archiver/internal/gc", gcTests,
	},
	{
		"a removed backup that cannot be read protects nothing", "archiver/internal/gc/names.go",
		"if u == byProtecting && n.Withheld == nil {", "if u == byProtecting && n.Withheld != nil {",
		"./archiver/internal/gc", gcTests,
	},
	{
		"an object of another size is taken for whole", "archiver/internal/gc/census.go",
		"ok && x.bytes == uint32(info.Size) {", "ok {",
		"./archiver/internal/gc", gcTests,
	},
	{
		"a needed backup may differ from its summary", "archiver/internal/gc/needed.go",
		"o != nil && !m.SameOutline(o)", "o != nil && false",
		"./archiver/internal/gc", "TestNeededRecords",
	},
	{
		"the index of a needed backup is not read", "archiver/internal/gc/needed.go",
		"			return n.journal.Keys(ctx, m,", "			if m.Index != nil {\n				return nil\n			}\n			return n.journal.Keys(ctx, m,",
		"./archiver/internal/gc", "TestNeededRecords",
	},
	{
		"whatever is below `probe/` is deleted", "archiver/internal/gc/sweep.go",
		"(!manifest.IsProbeKey(info.Key) || info.ModTime.IsZero()", "(info.ModTime.IsZero()",
		"./archiver", "TestArchiveInsideAnother",
	},
	{
		"whatever is below `digests/` is mirrored", "archiver/internal/mirroring/compare.go",
		"manifest.IsDigestKey(key) ||", "key[:2] == \"di\" ||",
		"./archiver", "TestArchiveInsideAnother",
	},
	{
		"files in `.tmp` that a store has not written are removed", "storage/local/temp.go",
		"strings.HasPrefix(entry.Name(), tempNames)", "strings.HasPrefix(entry.Name(), \"\")",
		"./archiver", "TestArchiveInsideAnother",
	},
	{
		"others beside the journal are listed to their end", "archiver/internal/journal/mirror.go",
		"if after, hasMore = pastOthers(info.Key); hasMore {", "if after, hasMore = pastOthers(info.Key); hasMore && s == nil {",
		"./archiver/internal/journal", "TestOthersBesideTheJournal",
	},
	{
		"objects with keys that no run gives are deleted", "archiver/internal/gc/names.go",
		"		return isUnknown, false", "		return isDead, false",
		"./archiver/internal/gc", gcTests,
	},
	{
		"the index of an incremental is never read", "archiver/internal/gc/folders.go",
		"(f.listed != f.want || f.hasReused || len(f.records) > 1)", "len(f.records) > 1",
		"./archiver/internal/gc", gcTests,
	},
	{
		"a group of manifests is deleted with a living number", "archiver/internal/gc/manifests.go",
		"!n.then.Overlaps(from, to) && !n.keep.Alive.Overlaps(from, to)", "from < to",
		"./archiver/internal/gc", gcTests,
	},
	{
		"manifests up to the first keep are deleted", "archiver/internal/gc/manifests.go",
		"n.first() < from && ", "",
		"./archiver/internal/gc", gcTests,
	},
	{
		"a group of manifests is deleted with the horizon in it", "archiver/internal/gc/manifests.go",
		"to < n.keep.DeadBefore &&", "from < n.keep.DeadBefore &&",
		"./archiver/internal/gc", gcTests,
	},
	{
		"a sweep is made for any keep", "archiver/internal/gc/sweep.go",
		" || !slices.Equal(k.Keeping.Alive, n.keep.Alive) {", " {",
		"./archiver/internal/gc", gcTests,
	},
	{
		"an archive for a single writer is swept", "archiver/internal/gc/sweep.go",
		"		return ErrSingleWriter\n", "		_ = c\n",
		"./archiver/internal/gc", gcTests,
	},
	{
		"nobody looks whether an object is really gone", "archiver/internal/gc/sweep.go",
		"	if i < 0 {\n		return \"\", nil", "	if i < len(keys) {\n		return \"\", nil",
		"./archiver/internal/gc", gcTests,
	},
	{
		"a refused key counts as deleted", "archiver/internal/gc/sweep.go",
		"		case refusal != nil:\n", "		case refusal != nil && info.Size < 0:\n",
		"./archiver/internal/gc", gcTests,
	},
}
