package main

// monitorMutants are those of what a watcher tells: heartbeats, metrics and health.
var monitorMutants = []mutant{
	{
		"a heartbeat is sent again from an old proof", "internal/watch/heartbeat/heartbeat.go",
		"return ok && (b.bad || proof.Sub(b.proof) >= b.Every*9/10)", "return ok && !proof.IsZero()",
		"./internal/watch/heartbeat", "TestNoPingWithoutProof",
	},
	{
		"one safe database of several is enough for a heartbeat", "internal/watch/heartbeat/proof.go",
		"return time.Time{}, false", "continue",
		"./internal/watch/heartbeat", "TestHeartbeatOnlyWhenSafe",
	},
	{
		"a heartbeat is sent while a database is behind", "internal/watch/heartbeat/proof.go",
		" && !t.IsBehind(state.At)", "",
		"./internal/watch/heartbeat", "TestHeartbeatOnlyWhenSafe",
	},
	{
		"a heartbeat is sent while the store is away", "internal/watch/heartbeat/proof.go",
		" && isUp(state, t.Target.Store)", "",
		"./internal/watch/heartbeat", "TestHeartbeatOnlyWhenSafe",
	},
	{
		"a heartbeat is tried again although something has gone wrong", "internal/watch/heartbeat/send.go",
		"ping, fail := safe && b.pingDue(&state), b.failDue(&state)", "ping, fail := safe || true, b.failDue(&state)",
		"./internal/watch/heartbeat", "TestTurnsBadBetweenTries",
	},
	{
		"another host's answer counts as the monitor's", "internal/watch/heartbeat/send.go",
		"next.URL.Hostname() != first.Hostname() || ", "",
		"./internal/watch/heartbeat", "TestAsk",
	},
	{
		"an error tells the URL of a heartbeat", "internal/watch/heartbeat/send.go",
		"strings.Contains(err.Error(), part)", "err == nil",
		"./internal/watch/heartbeat", "TestAsk",
	},
	{
		"a run that fails takes earlier successes away", "internal/watch/metrics/textfile.go",
		"case i < 0 && r.isAbout(series):", "case i < 0 && r == nil:",
		"./internal/watch/metrics", "TestVerifyBesideBackup",
	},
	{
		"the lag stands still with the loop", "internal/watch/metrics/watcher.go",
		"age = max(0, at.Sub(s.UnsavedSince))", "age = max(0, s.LastLook.Sub(s.UnsavedSince))",
		"./internal/watch/metrics", "TestFrozenLoopShows",
	},
	{
		"profiles are for everybody", "internal/watch/server/server.go",
		"isLoopback(listener.Addr()), answerTimeout", "true, answerTimeout",
		"./internal/watch/server", "TestNoProfilesForOthers",
	},
	{
		"a stuck loop is live", "internal/watch/server/server.go",
		"len(stuck) == 0", "len(stuck) >= 0",
		"./internal/watch/server", "TestStuckLoop",
	},
}
