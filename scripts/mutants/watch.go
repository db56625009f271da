package main

// watchMutants are ways to break what the watcher decides.
var watchMutants = []mutant{
	{
		"a closed 0.5 database is looked at later", "internal/watch/database.go",
		"d.lookAtOnce = d.lookAtOnce || d.isClosed && !was", "d.lookAtOnce = d.lookAtOnce || was && !d.isClosed",
		"./internal/watch", "TestCloseIsSeenAtOnce",
	},
	{
		"what a reload could not save is forgotten", "internal/watch/watch.go",
		"return d.hasEnded() && !d.isUnsaved })", "return d.hasEnded() })",
		"./internal/watch", "TestStopAfterRemoval",
	},
	{
		"a stop that saves nothing says that all is stored", "internal/watch/stop.go",
		"	d.isUnsaved = !d.flush(work)", "	d.flush(work)",
		"./internal/watch", "TestStopNamesWhatIsUnsaved",
	},
	{
		"backups follow each other without a lag between", "internal/watch/pace.go",
		"at = later(at, t.lastRun.Add(lag))", "at = later(at, t.lastRun)",
		"./internal/watch", "TestRunAt",
	},
	{
		"unplanned full backups follow each other at once", "internal/watch/pace.go",
		"return u.last.Add(unplannedWaits[min(u.count, len(unplannedWaits)-1)])", "return u.last",
		"./internal/watch", "TestUnplannedFulls",
	},
	{
		"a hold is given up while the store answers", "internal/watch/guard.go",
		"return isAway && !g.state.GivenUp && g.held > 0 && g.isLow(0)", "return (isAway || true) && !g.state.GivenUp && g.held > 0 && g.isLow(0)",
		"./internal/watch", "TestGuard",
	},
	{
		"a store that is away is tried each second", "internal/watch/breaker.go",
		"bound := longestWait", "bound := shortestWait",
		"./internal/watch", "TestStoreAway",
	},
	{
		"a store that takes nothing is tried as often as one that is back", "internal/watch/breaker.go",
		"if now.Sub(s.since) > longestWait {", "if true {",
		"./internal/watch", "TestStoreThatTakesNothing",
	},
	{
		"a drill begins while a database is behind", "internal/watch/proving.go",
		"case d.w.isAnyBehind(now):", "case false && d.w.isAnyBehind(now):",
		"./internal/watch", "TestNoDrillWhileBehind",
	},
	{
		"one database that cannot be backed up stops all drills", "internal/watch/proving.go",
		"s.IsBehind(now) && (s.Phase == PhaseDirty || s.Phase == PhaseRunning)", "s.IsBehind(now)",
		"./internal/watch", "TestDrillsBesideTrouble",
	},
	{
		"a drill begins by what the archive said long ago", "internal/watch/proving.go",
		"case now.Sub(p.read) > freshFor:", "case false && now.Sub(p.read) > freshFor:",
		"./internal/watch", "TestDrillsOfOthersCount",
	},
	{
		"a drill that leaves no certificate is due again at once", "internal/watch/proving.go",
		"last, isProved := p.drilled, p.isProved", "last, isProved := time.Time{}, false",
		"./internal/watch", "TestDrillsWithoutCertificates",
	},
	{
		"drills are of the newest state alone", "internal/watch/proving.go",
		"o.Random = l.Random != l.OK", "o.Random = l.Random && !l.OK",
		"./internal/watch", "TestDrillsAreDueByTheArchive",
	},
	{
		"a drill that cannot be done is tried each five minutes", "internal/watch/proving.go",
		"againAfter<<min(p.failed, 10)", "againAfter<<0",
		"./internal/watch", "TestDrillCannotBeDone",
	},
	{
		"a drill outlives the watcher's stop", "internal/watch/stop.go",
		"		d.drill.cancel()", "		_ = d.drill.cancel",
		"./internal/watch", "TestStopEndsDrill",
	},
	{
		"what was missed is drilled at once after each start", "internal/watch/due.go",
		"if every >= 2*time.Hour {", "if false {",
		"./internal/watch", "TestProvingDueAt",
	},
	{
		"certificates that may not be read are none", "archiver/proofs.go",
		"	return nil, explain(err), nil", "	return &Proofs{}, nil, nil",
		"./archiver", "TestProofUnknown",
	},
	{
		"a drill that failed is within any age", "archiver/proofs.go",
		"case last != nil && !last.OK:", "case last != nil && !last.OK && proven == nil:",
		"./archiver", "TestProvenWithin",
	},
}
