package metrics

// What an archive has, known to a watcher and to runs of a command.
var (
	lastCommit = gauge("last_commit_timestamp_seconds", "When the newest backup of the archive was taken.", of()...)
	lastFull   = gauge("last_full_timestamp_seconds", "When the newest full backup of the archive was taken.", of()...)
	restorable = gauge("newest_restorable_timestamp_seconds",
		"When the newest commit that can be restored was made; in 0.5, which records no times, when it was read.", of()...)
	newestEpoch    = gauge("newest_epoch", "The newest epoch that can be restored.", of()...)
	timeline       = gauge("timeline", "The timeline of the newest backup.", of()...)
	sinceFull      = gauge("increments_since_full", "How many incremental backups follow the newest full one.", of()...)
	unsavedSince   = gauge("unsaved_since_timestamp_seconds", "When the oldest commit that is not in the archive was made; 0 if there is none.", of()...)
	unsavedBytes   = gauge("unsaved_bytes", "How much log is not in the archive.", of()...)
	heldBytes      = gauge("log_held_bytes", "How much log the database keeps for this archive.", of()...)
	verified       = gauge("verify_last_timestamp_seconds", "When the archive was last verified: that all is there (level names), or every byte (level deep).", of("level")...)
	verifyFindings = gauge("verify_findings", "How much damage the last verification found.", of("level")...)
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

// What a run of a command says about itself, in a file.
var (
	runAt       = gauge("last_run_timestamp_seconds", "When the command last ended.", of("command")...)
	runOK       = gauge("last_run_success_timestamp_seconds", "When the command last ended with exit code 0.", of("command")...)
	runExit     = gauge("last_run_exit_code", "The exit code with which the command last ended.", of("command")...)
	runDuration = gauge("last_run_duration_seconds", "How long the last run of the command took.", of("command")...)
)
