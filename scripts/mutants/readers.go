package main

// readerMutants break what reads an archive with keeps, and the rules of fences and
// generations.
var readerMutants = []mutant{
	{
		"a keep may make alive again what was gone", "archiver/internal/catalog/ancestry_keep.go",
		"was.Alive); ok {", "was.Alive); ok && false {",
		"./archiver", "TestVerifyKeeps",
	},
	{
		"a restore does not look whether what it needs was removed", "archiver/pursue.go",
		"if !as[*manifest.ObjectError](err) {", "if err == nil || err != nil {",
		"./archiver", "TestRestoreBesideRemovals",
	},
	{
		"what is damaged is taken for removed", "archiver/pursue.go",
		"case !gone:", "case !gone && false:",
		"./archiver", "TestRestoreBesideRemovals",
	},
	{
		"what cannot be seen to be removed is damaged", "archiver/internal/journal/load.go",
		"return false, &UnseenError{err, lookErr}", "return false, err",
		"./archiver", "TestMissingWhileTheStoreIsAway",
	},
	{
		"a plan that was made again goes to another state", "archiver/pursue.go",
		"\tt.Epoch = &last.EndEpoch\n", "\tt.Epoch = nil\n",
		"./archiver", "TestRestoreBesideRemovals",
	},
	{
		"notes count for another chain", "archiver/internal/resume/resume.go",
		"if segment < common {", "if segment < common || true {",
		"./archiver/internal/resume", "TestNotesOfOtherChains",
	},
	{
		"nobody asks for the fence after a commit", "archiver/internal/commit/fence.go",
		"\tif m.Keep == 0 {\n\t\treturn true, nil", "\tif m.Keep == 0 || m.Keep > 0 {\n\t\treturn true, nil",
		"./archiver/internal/commit", "TestWriterThatSleeps",
	},
	{
		"a keep whose author has slept counts", "archiver/internal/commit/fence.go",
		"return keep.CommitID == m.CommitID, nil", "return true, nil",
		"./archiver/internal/commit", "TestKeepAuthorThatSleeps",
	},
	{
		"a generation is kept although it is dead", "archiver/internal/commit/head.go",
		"if *w.generation < k.Keeping.DeadBefore {", "if *w.generation < k.Keeping.DeadBefore && false {",
		"./archiver/internal/commit", "TestGenerationAfterConflict",
	},
	{
		"problems of removed backups are findings", "archiver/internal/verify/gone.go",
		"if isGone(f.Key, r, now, needed) {", "if isGone(f.Key, r, now, needed) && false {",
		"./archiver", "TestVerifyBesideRemoval",
	},
	{
		"a broken chain of removed backups is not found", "archiver/internal/verify/manifests.go",
		"m.Kind == manifest.Incremental && !r.isBackup(*m.Continues) {", "m.Kind == manifest.Incremental && false {",
		"./archiver", "TestVerifyAfterRemovals",
	},
	{
		"what was removed is imported again", "archiver/internal/native/known.go",
		"len(rest) > 0 && k.areRemoved(rest) {", "len(rest) > 0 && k.areRemoved(rest) && false {",
		"./archiver", "TestImportAfterRemovals",
	},
	{
		"a merged record need not agree with its parts", "archiver/internal/catalog/ancestry_merged.go",
		"case m.Commits != commits:", "case m.Commits != commits && false:",
		"./archiver/internal/catalog", "TestCheckMerged",
	},
}
