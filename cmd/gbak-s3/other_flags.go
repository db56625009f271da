package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// otherFlag says what to write instead of a flag that other archivers have, and "" if that is not
// known.
func otherFlag(cmd *cobra.Command, name string) string {
	hint := otherFlags()[name]
	if name == "backup" && slices.Contains([]string{"pin", "unpin"}, cmd.Name()) {
		hint = argument
	}
	switch hint {
	case argument:
		return "It is an argument: " + cmd.UseLine()
	default:
		return hint
	}
}

// argument stands for what is an argument here.
const argument = "argument"

const (
	inAddress   = "It is part of the archive's address: s3://bucket/prefix?endpoint=URL."
	credentials = "Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from an AWS profile."
	secrets     = "Say who can open the archive, with --recipient, or --passphrase: docs/keys.md. No secret is ever the value of a flag."
	timetable   = "A watcher backs up whatever is new, at most --lag later, and the file of `gbak-s3 watch --config` says how often it " +
		"verifies, expires and drills. For times of day, run the command from cron or a timer of systemd."
	rules      = "The rules are --keep-last, --keep-within, --keep-daily and others: see `gbak-s3 expire --help`."
	verified   = "Certificates are always verified: give the authority's as ca_file=/path.pem in the archive's address."
	ifAbsent   = "Write --if-absent, which leaves a database that is there; --if-archive-exists accepts that there is no archive yet."
	logging    = "Write --log-level debug."
	onlyShow   = "`backup` has --dry-run, `restore` has --plan, and `watch` has --check; `expire` and `compact` change nothing without --apply."
	applying   = "Nothing is asked: `expire` and `compact` do what they show if --apply is given."
	backupFlag = "`restore` has --backup N, with a number that `gbak-s3 list` shows."
	parallel   = "Write --concurrency N."
	colours    = "Set NO_COLOR=1 for a terminal without colours; elsewhere there are none."
	patience   = "Write --store-timeout TIME: how long to retry while the store is busy or unreachable."
	pacing     = "`backup` has --limit-upload, and `restore` has --limit-download, such as --limit-upload 20MiB/s."
	aTime      = "Write --time, such as --time '2026-11-23 08:15:00', in UTC."
)

// otherFlags are flags that other archivers have.
func otherFlags() map[string]string {
	return map[string]string{
		"incremental": "None is needed: a backup stores what is new since the one before it, wherever that can be done.",
		"type":        "For a backup of everything, write --full; for the state to restore, --time, --epoch or --backup.",
		"compress":    "None is needed: everything is compressed; --level says how hard.",
		"tag":         "Write --label KEY=VALUE, which `gbak-s3 backup` records and --keep-label of `gbak-s3 expire` goes by.",
		"encrypt":     "Say who can open the archive, with --recipient: docs/keys.md.",
		"password":    secrets, "key": secrets,
		"password-file":    "Write --passphrase-command 'cat FILE', or encrypt for a key with --recipient: docs/keys.md.",
		"passphrase-file":  "Write --passphrase-command 'cat FILE', or encrypt for a key with --recipient: docs/keys.md.",
		"password-command": "Write --passphrase-command COMMAND.",
		"endpoint":         inAddress, "endpoint-url": inAddress, "s3-endpoint": inAddress, "bucket": inAddress, "prefix": inAddress,
		"region":     "It is part of the archive's address: s3://bucket/prefix?region=NAME.",
		"profile":    "It is part of the archive's address, s3://bucket/prefix?profile=NAME, or $AWS_PROFILE.",
		"access-key": credentials, "secret-key": credentials, "access-key-id": credentials, "secret-access-key": credentials,
		"insecure": verified, "no-verify-ssl": verified, "insecure-tls": verified, "disable-tls-verification": verified,
		"repo": argument, "repository": argument, "archive": argument, "stanza": argument, "url": argument, "destination": argument,
		"target": argument, "database": argument, "db": argument, "db-path": argument, "source": argument, "path": argument,
		"latest":   "None is needed. " + stateHint,
		"snapshot": backupFlag, "version": "Write `gbak-s3 version`; for a backup's number, `restore` has --backup N.", "id": backupFlag, "set": backupFlag, "generation": backupFlag,
		"overwrite": "Write --force: `gbak-s3 restore` then moves aside what is there.",
		"delta":     "None is needed: a restore writes a whole database, and --force moves aside what is there.",
		"timestamp": aTime, "target-time": aTime, "point-in-time": aTime, "pitr": aTime, "as-of": aTime,
		"if-db-not-exists": ifAbsent, "if-not-exists": ifAbsent, "if-replica-exists": ifAbsent,
		"interval": timetable, "every": timetable, "schedule": timetable, "cron": timetable,
		"daemon":    "None is needed: systemd or a container runs it (docs/systemd.md, docs/compose.md); it stays until it is stopped.",
		"detach":    "None is needed: systemd or a container runs it (docs/systemd.md, docs/compose.md); it stays until it is stopped.",
		"retention": rules, "older-than": rules, "last": rules, "keep": rules, "keep-days": rules,
		"dry-run": onlyShow, "n": onlyShow, "yes": applying, "y": applying, "assume-yes": applying,
		"csv": "Write --format csv, which list and status have.", "text": "Write --format text.",
		"compression": "Write --level, which says how hard to compress: fastest, default, better or best.",
		"parallel":    parallel, "jobs": parallel, "threads": parallel, "workers": parallel, "transfers": parallel, "process-max": parallel, "j": parallel,
		"silent": "Write --quiet.", "no-progress": "None is needed: progress is shown on terminals only, and not with --quiet.",
		"no-color": colours, "color": colours, "colour": colours, "no-colour": colours,
		"timeout": patience, "retry": patience, "retries": patience, "max-retries": patience, "retry-lock": patience,
		"bwlimit": pacing, "limit-rate": pacing, "rate-limit": pacing,
		"storage-class":    "An archive needs all of its objects at once: keep them in the bucket's default class, and out of Glacier.",
		"sse":              "It is part of the archive's address: s3://bucket/prefix?sse=AES256.",
		"kms-key-id":       "It is part of the archive's address: s3://bucket/prefix?sse=aws:kms&kms_key_id=ID.",
		"force-path-style": "It is part of the archive's address: s3://bucket/prefix?path_style=true. With endpoint= it is the default.",
		"ca-cert":          verified, "cacert": verified, "cert": verified,
		"V": "Write --version.", "f": "Write the whole name: --force of `restore`, or --full of `backup`.", "c": "Write --config, which `gbak-s3 watch` has.",
		"prune":   "None is needed: an expiry deletes what no backup needs, once its grace is over.",
		"config":  "Only `gbak-s3 watch` reads a file: docs/watch.md. Other commands take arguments and flags.",
		"verbose": logging, "debug": logging,
		"v": "Write --log-level debug for more messages; --version prints the version.",
	}
}
