package main

// sessionMutants are those of sessions, which remember the end of an archive.
var sessionMutants = []mutant{
	{
		"a sync mark is its history's, whatever comes before it", "archiver/internal/capture/continuity.go",
		"if gen06 && s.at != nil && s.contradicts(parent, sameImage) {", "if false && gen06 && s.at != nil && s.contradicts(parent, sameImage) {",
		"./archiver/internal/capture", "TestSyncMarkOfAnotherHistory",
	},
	{
		"what comes before a sync mark is not read", "archiver/internal/capture/incremental.go",
		"mark.End-mark.Start == grafeo.SyncMarkLength {", "mark.End-mark.Start == grafeo.SyncMarkLength && false {",
		"./archiver/internal/capture", "TestSyncMarkOfAnotherHistory",
	},
	{
		"where the commit before a sync mark is, is forgotten", "archiver/internal/capture/places.go",
		"if k.mark == *mark {", "if k.mark == *mark && p == nil {",
		"./archiver/internal/capture", "TestSyncMarkIsFoundAgain",
	},
	{
		"a sync mark that begins a file may be any history's", "archiver/internal/capture/incremental.go",
		"err == nil && (!scan.found || scan.up != nil) ||", "err == nil ||",
		"./archiver/internal/capture", "TestSyncMarkThatBeginsAFile",
	},
	{
		"a session commits on what it remembers without looking", "archiver/internal/commit/tip.go",
		"	for h.second != nil {\n		s := h.second", "	for h.second != nil && h == nil {\n		s := h.second",
		"./archiver", "TestSessionWhoseArchiveIsGone",
	},
	{
		"a session relies on what it remembers after a failure", "archiver/session.go",
		"o.Tip, s.tip = s.tip, nil", "o.Tip = s.tip",
		"./archiver", "TestSessionAfterAFailure",
	},
	{
		"a session takes an unplanned full backup on what it remembers", "archiver/backup.go",
		"q.NoFull, q.Skips = q.NoFull || head.IsKept(), head.IsKept()", "q.NoFull, q.Skips = q.NoFull && !head.IsKept(), head.IsKept()",
		"./archiver", "TestRequestsOfASession",
	},
	{
		"a hold that a session left behind is forgotten", "archiver/session.go",
		"return explain(s.pace.settle(ctx, s.archive))", "return explain(nil)",
		"./archiver", "TestHoldOfASession",
	},
	{
		"the end of a session takes a released hold again", "archiver/internal/hold/pace.go",
		"if s == nil || p.held(s) == nil {", "if s == nil {",
		"./archiver", "TestReleasedHoldOfASession",
	},
	{
		"what was prepared before a keep is referred to", "archiver/internal/pack/prepare.go",
		"p.archiveID == head.Archive.ArchiveID && p.keep == head.NewestKeep() &&", "p.archiveID == head.Archive.ArchiveID &&",
		"./archiver", "TestPreparedBeforeAKeep",
	},
	{
		"a full backup does not use what was prepared", "archiver/internal/pack/prepare.go",
		"case p.options.Prepared.fits(p.head, s):", "case p.options.Prepared.fits(p.head, s) && p == nil:",
		"./archiver", "TestFullBackupBesideIncrements",
	},
}
