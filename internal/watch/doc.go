// Package watch keeps archives a few seconds behind their databases, for as long as a
// process runs. Nothing that it remembers is needed: all state is in the archives and in
// the databases' holds. So a watcher that is killed is an interrupted backup, and a second
// one is a second writer.
//
// A [Target] is one database and one archive. Each has a loop of its own, which learns from
// [Watcher.Changed] that files have changed, looks at the disk, and decides what is due. A
// database is dirty while it has commits that the archive does not have; the lag is how old
// the oldest of these may become. What runs beside each other is decided for all: few full
// backups at a time, one breaker for each store, one request that tries it.
//
// Words: a run is one backup. Upkeep is what an archive needs besides: verify, expire,
// compact. An unplanned full backup is one that no schedule asked for: the log no longer
// continues the archive. A hold is given up when the disk fills while the store is away.
//
// [State] is the one snapshot that metrics, health and pages show; an [Event] is one change
// of it.
package watch
