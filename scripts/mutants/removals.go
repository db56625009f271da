package main

// removalMutants break the protocol between those who remove and all others.
var removalMutants = []mutant{
	{
		"the fence is made after the keep", "archiver/internal/commit/keep.go",
		"		if err := CreateFence(ctx, h.Store, h.Archive.ArchiveID, before.Seq); err != nil {\n			return nil, err\n		}\n",
		"		defer func() { _ = CreateFence(ctx, h.Store, h.Archive.ArchiveID, before.Seq) }()\n",
		"./archiver", "TestRemovalsStopAnywhere",
	},
	{
		"a backup under a number of old times counts", "archiver/internal/commit/fence.go",
		"return false, nil // its number is one of those that were deleted", "return true, nil",
		"./archiver/internal/commit", "TestWriterWhoseListsAreLate",
	},
	{
		"a backup that was removed at once counts", "archiver/internal/commit/fence.go",
		"return keep.Keeping.Alive.Contains(m.Seq), nil", "return true, nil",
		"./archiver/internal/commit", "TestFollowedMeanwhile",
	},
	{
		"manifests are deleted without a fence", "archiver/internal/gc/manifests.go",
		"if end := seq.GroupEnd(); end != fenced {", "if end := seq.GroupEnd(); end != fenced && false {",
		"./archiver/internal/gc", "TestGroupsOfManifests",
	},
	{
		"what leaves the list goes at once", "archiver/expiry.go",
		"n.OwnHorizon = e.opts.Grace == 0", "n.OwnHorizon = true",
		"./archiver", "TestMarkOnly",
	},
	{
		"an expiry forgets the pins", "archiver/expiry.go",
		"n := &keeping.Next{Pins: s.Pins(), Policy: s.Policy()}", "n := &keeping.Next{Policy: s.Policy()}",
		"./archiver", "TestRemovalsStopAnywhere",
	},
	{
		"a keep that lost is decided by what was read before", "archiver/internal/keeping/commit.go",
		"	err = commit.Update(ctx, j, options, func(head *commit.Head) error {\n		s, err := Read(ctx, j, head.List)\n",
		"	var s *State\n	err = commit.Update(ctx, j, options, func(head *commit.Head) (err error) {\n		if s == nil {\n			s, err = Read(ctx, j, head.List)\n		}\n",
		"./archiver", "TestSleepers",
	},
	{
		"backups go because of newer ones that nobody has read", "archiver/expiry.go",
		"if len(n.Decision.Goes()) > 0 {", "if len(n.Decision.Goes()) < 0 {",
		"./archiver", "TestExpiryBesideDamage",
	},
	{
		"a keep that says nothing new is committed", "archiver/expiry.go",
		" || census.NewestDead >= s.KeepSeq()", " || true",
		"./archiver", "TestKeepsThatSayNothingNew",
	},
	{
		"what comes after a keep is never dead", "archiver/expiry.go",
		" || census.NewestDead >= s.KeepSeq()", "",
		"./archiver", "TestKeepsThatSayNothingNew",
	},
	{
		"a keep is not read back before anything is deleted", "archiver/expiry.go",
		"if kept, err = keeping.ReadBack(ctx, a.journal, kept); err != nil {", "if _, err = keeping.ReadBack(ctx, a.journal, kept); err == ctx.Err() && err != nil {",
		"./archiver", "TestExpireWhoseKeepIsLost",
	},
	{
		"what an expiry has deleted meanwhile is taken for damage", "archiver/internal/journal/load.go",
		"	l := &List{Archive: &manifest.Archive{}, Records: []manifest.Seq{last}}\n",
		"	return false, nil\n	l := &List{Archive: &manifest.Archive{}, Records: []manifest.Seq{last}}\n",
		"./archiver", "TestReadersBesideRemovals",
	},
	{
		"what killed probes have left goes only with something else", "archiver/expiry.go",
		"+int64(e.probes) == 0", " == 0",
		"./archiver", "TestRemovalsStopAnywhere",
	},
	{
		"refused deletions are no error", "archiver/expiry.go",
		"	case r.Refused > 0:\n", "	case r.Refused < 0:\n",
		"./archiver", "TestExpireThatCannotDelete",
	},
}
