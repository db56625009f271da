package main

// ruleTests are the tests of which backups stay.
const ruleTests = "TestWhatStaysIsWhatIsWanted|TestWindowKeepsEveryEpoch|TestGolden|TestOneLyingHost|TestNoBackupIsOlder|TestBelieved|TestGivingUp"

// retentionMutants remove what is to stay.
var retentionMutants = []mutant{
	{
		"chains are not closed", "archiver/internal/retention/retention.go",
		"	a.closeChains()\n	if err := a.limitRanges",
		"	if err := a.limitRanges",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"the newest backup goes", "archiver/internal/retention/retention.go",
		"	a.keepNewest()\n",
		"",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"pins are forgotten", "archiver/internal/retention/retention.go",
		"		a.keep(Pin, i, p.Label)\n",
		"		_ = i\n",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"a backup at the very edge of a rule goes", "archiver/internal/retention/rules.go",
		"if !a.taken[i].Before(from) {",
		"if a.taken[i].After(from) {",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"a rule keeps a period too few", "archiver/internal/retention/rules.go",
		"		if n == 0 {\n			return",
		"		if n <= 1 {\n			return",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"clocks that are ahead are believed", "archiver/internal/retention/times.go",
		"if m.Imported != nil || isAhead(m, stored(m.Seq)) {",
		"if m.Imported != nil {",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"times that go back are believed", "archiver/internal/retention/times.go",
		"		case believed[m.Seq]:\n",
		"		case believed[m.Seq] || !isAhead(m, at):\n",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"a backup is as old as the next one's clock, which is behind, says", "archiver/internal/retention/times.go",
		"				if !isAhead(m, at) {",
		"				if false {",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"a window begins with a full backup that was still being read", "archiver/internal/retention/times.go",
		"if took := m.ReadUntil.Sub(m.CreatedAt); took > 0 {",
		"if took := m.ReadUntil.Sub(m.CreatedAt); took < 0 {",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"what needs a backup stays without it", "archiver/internal/retention/retention.go",
		"!ok && goes[*v.Backup.Continues] != 0",
		"!ok && false",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"what cannot be read is taken for gone", "archiver/internal/retention/retention.go",
		"		if !slices.Contains(q.GiveUp, seq) {\n			return &manifest",
		"		if !slices.Contains(q.Unreadable, seq) {\n			return &manifest",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"what the newest backup continues need not be readable", "archiver/internal/retention/decision.go",
		"isNeeded[*v.Backup.Continues] = true", "isNeeded[*v.Backup.Continues] = false",
		"./archiver/internal/retention", ruleTests,
	},
	{
		"a pinned backup is merged away", "archiver/internal/retention/keep.go",
		"s.From <= p.Backup && p.Backup < s.For }",
		"s.From < p.Backup && p.Backup < s.From }",
		"./archiver/internal/retention", "TestKeep|Ranges",
	},
	{
		"a keep brings back what was gone", "archiver/internal/retention/ranges.go",
		" && r.seq-records[before].seq == manifest.Seq(i-before) &&",
		" &&",
		"./archiver/internal/retention", "TestKeep|Ranges",
	},
}
