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
}
