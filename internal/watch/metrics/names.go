package metrics

import "github.com/prometheus/client_golang/prometheus"

// What an archive has, known to a watcher and to runs of a command.
var (
	lastCommit = gauge("last_commit_timestamp_seconds", "When the newest backup of the archive was taken.", of()...)
	lastFull   = gauge("last_full_timestamp_seconds", "When the newest full backup of the archive was taken.", of()...)
	restorable = gauge("newest_restorable_timestamp_seconds",
		"When the newest commit that can be restored was made; in 0.5, which records no times, when it was read.", of()...)
	newestEpoch  = gauge("newest_epoch", "The newest epoch that can be restored.", of()...)
	timeline     = gauge("timeline", "The timeline of the newest backup.", of()...)
	sinceFull    = gauge("increments_since_full", "How many incremental backups follow the newest full one.", of()...)
	unsavedSince = gauge("unsaved_since_timestamp_seconds", "When the oldest commit that is not in the archive was made; 0 if there is none.", of()...)
	unsavedBytes = gauge("unsaved_bytes", "How much log is not in the archive.", of()...)
	heldBytes    = gauge("log_held_bytes", "How much log the database keeps for this archive.", of()...)
	verified     = gauge("verify_last_timestamp_seconds",
		"When the archive was last verified: that all is there (level names), a part of its bytes (level sample), or every byte (level deep).", of("level")...)
	verifyCovered  = gauge("verify_covered_ratio", "Which part of the archive's segments samples have read so far, from 0 to 1.", of()...)
	verifyFindings = gauge("verify_findings", "How much damage the last verification found.", of("level")...)
)

// How thoroughly an archive was verified.
const (
	levelNames  = "names"
	levelSample = "sample"
	levelDeep   = "deep"
)

// What the newest certificate says of drills.
var (
	drillSuccess = gauge("drill_last_success_timestamp_seconds", "When the archive was last proven restorable; 0 for never.", of()...)
	drillRestore = gauge("drill_restore_seconds", "How long the restore of that drill took.", of()...)
	drillOK      = gauge("drill_last_ok", "Whether the newest drill succeeded.", of()...)
)

// What has been done so far.
var (
	backups     = counter("backups_total", "Backups that were committed.", of("kind")...)
	failures    = counter("backup_failures_total", "Backups that failed, by the code of the error.", of("code")...)
	readBytes   = counter("read_bytes_total", "Bytes of the database that backups have read.", of()...)
	storedBytes = counter("stored_bytes_total", "Bytes that backups have stored.", of()...)
	reusedBytes = counter("reused_bytes_total", "Bytes of the database that the archive had already.", of()...)
	requests    = counter("store_requests_total", "Requests to the store, including those that failed.", of("op")...)
)

// What a watcher knows besides.
var (
	buildInfo = gauge("build_info", "The program that runs; always 1.", "version", "revision", "zstd")
	reloadOK  = gauge("config_last_reload_successful", "Whether the configuration could be read when it was last tried.")
	reloadAt  = gauge("config_last_reload_success_timestamp_seconds", "When the configuration was last taken over.")

	state         = gauge("database_state", "What the database is in: 1 for one state, 0 for the others.", of("state")...)
	databaseBytes = gauge("database_bytes", "Size of the database's files.", of()...)
	diskFree      = gauge("disk_free_bytes", "What is free on the database's file system.", of()...)
	diskMinFree   = gauge("disk_min_free_bytes", "What must stay free there: below that, while the store is away, the log is given up; 0 for never.", of()...)
	lag           = gauge("lag_seconds", "Age of the oldest commit that is not in the archive.", of()...)
	lagTarget     = gauge("lag_target_seconds", "How old such a commit may become.", of()...)
	lastTurn      = gauge("last_turn_timestamp_seconds", "When the loop of the database last turned, which it does each ten seconds.", of()...)
	lastLook      = gauge("last_look_timestamp_seconds", "When the database was last looked at.", of()...)
	lastSafe      = gauge("last_safe_timestamp_seconds", "When the archive had everything, and the store had just said so.", of()...)
	fullEvery     = gauge("full_every_seconds", "How often a full backup is due; 0 for never.", of()...)
	verifyEvery   = gauge("verify_every_seconds", "How often the archive is verified; 0 for never.", of()...)
	drillEvery    = gauge("drill_every_seconds", "How often a drill is due; 0 for never.", of()...)
	givenUpNow    = gauge("log_given_up", "Whether the hold on the log is given up at the moment.", of()...)

	unplanned  = counter("unplanned_fulls_total", "Full backups that nobody had planned, by the reason.", of("reason")...)
	conflicts  = counter("conflicts_total", "How often another writer was first.", of()...)
	givenUp    = counter("log_given_up_total", "How often the hold on the log was given up.", of()...)
	heartbeats = counter("heartbeats_total", "Heartbeats, by their result.", "result")
	duration   = prometheus.NewDesc(prefix+"backup_duration_seconds", "How long backups took that were committed.", of("kind"), nil)

	storeUp     = gauge("store_up", "Whether the store answered when it was last asked.", "store")
	storeAnswer = gauge("store_last_answer_timestamp_seconds", "When the store last answered; 0 for never.", "store")
)

// What a run of a command says about itself, in a file.
var (
	runAt       = gauge("last_run_timestamp_seconds", "When the command last ended.", of("command")...)
	runOK       = gauge("last_run_success_timestamp_seconds", "When the command last ended with exit code 0.", of("command")...)
	runExit     = gauge("last_run_exit_code", "The exit code with which the command last ended.", of("command")...)
	runDuration = gauge("last_run_duration_seconds", "How long the last run of the command took.", of("command")...)
)
