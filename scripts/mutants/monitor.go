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
		"if g.isLocal && !g.isSocket {", "if !g.isSocket {",
		"./internal/watch/server", "TestNoProfilesForOthers",
	},
	{
		"a stuck loop is live", "internal/watch/server/server.go",
		"len(stuck) == 0", "len(stuck) >= 0",
		"./internal/watch/server", "TestStuckLoop",
	},
	{
		"the page is for any name of a host", "internal/watch/server/guard.go",
		"if !g.knows(r.Host) {", "if r.Host == \"\" {",
		"./internal/watch/server", "TestHosts",
	},
	{
		"a number is known on loopback", "internal/watch/server/guard.go",
		"ip.IsLoopback() || !g.isLocal || ", "ip != nil || ",
		"./internal/watch/server", "TestHosts",
	},
	{
		"everybody sees paths", "internal/watch/server/server.go",
		"if g.isLocal || o.Page.IsFull {", "if o.Page != nil {",
		"./internal/watch/server", "TestElsewhere",
	},
	{
		"a fault of the page ends the connection", "internal/watch/server/page.go",
		"if r := recover(); r != nil {", "if r := any(nil); r != nil {",
		"./internal/watch/server", "TestPageFails",
	},
	{
		"what was not seen to be safe is safe", "internal/page/trouble.go",
		"case d.Safe.IsZero(), d.Phase == PhaseNew:", "case d.Phase == PhaseNew:",
		"./internal/page", "TestFlaws",
	},
	{
		"the answer of its store is enough for an archive that rests", "internal/watch/run.go",
		"if d.w.storeCheck < 0 {\n\t\treturn 0", "if d.w.storeCheck > 0 {\n\t\treturn 0",
		"./internal/watch", "TestEachArchiveIsAsked",
	},
	{
		"a loop that hangs looks well", "internal/page/trouble.go",
		"if d.IsStuck {\n\t\tj.doubt", "if d.IsStuck && d.Phase == \"\" {\n\t\tj.doubt",
		"./internal/page", "TestFlaws",
	},
	{
		"the best of several archives counts", "internal/page/summary.go",
		"return slices.DeleteFunc(s.Rows(), func(r Row) bool {", "rows := s.Rows()\n\tslices.Reverse(rows)\n\treturn slices.DeleteFunc(rows, func(r Row) bool {",
		"./internal/page", "TestWholeIsAsBadAsItsWorst",
	},
	{
		"one archive that was looked through speaks for all", "internal/page/summary.go",
		"if slices.ContainsFunc(t.of[Good], func(r Row) bool { return r.Verify.LastGood.IsZero() }) {", "if t.of[Good][0].Verify.LastGood.IsZero() {",
		"./internal/page", "TestReportSaysNothingOfDatabases",
	},
	{
		"names turn around what stands beside them", "internal/page/words.go",
		"r != ' ' && !unicode.IsPrint(r)", "unicode.IsControl(r)",
		"./internal/page/render", "TestNames",
	},
}
