//go:build man

package main

// variableTopics are the variables of the environment that the command reads.
func variableTopics() []topic {
	return []topic{
		{archiveVariable, "the archive, where the argument ARCHIVE is left out"},
		{identityVariable, "files with identities that open an encrypted archive, as in a PATH"},
		{recipientsVariable, "the public keys for which a new archive is encrypted, separated by commas or spaces"},
		{writerKeyVariable, "the file with the writer key of an encrypted archive"},
		{stateVariable, "the folder for what this host knows of its archives; needed where there is no home folder"},
		{"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_CA_BUNDLE",
			"credentials and settings of the store, and all others that the AWS tools read"},
		{"HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "the proxy on the way to the store"},
		{"NO_COLOR, CLICOLOR", "no colours on a terminal, if NO_COLOR has a value or CLICOLOR is 0"},
		{"TERM", "dumb: a terminal on which no line changes, and that has no colours"},
		{"NOTIFY_SOCKET, WATCHDOG_USEC", "where systemd is told that watch is ready and alive"},
	}
}

// fileTopics are the files that the command uses beside databases and archives.
func fileTopics() []topic {
	return []topic{
		{"/etc/gbak-s3/watch.yaml", "what the packaged service watches"},
		{"/etc/gbak-s3/env", "the environment of the packaged services, with their credentials"},
		{"~/.local/state/gbak-s3", "what this host knows of its archives, and its writer keys; $XDG_STATE_HOME/gbak-s3 if that is set"},
		{"~/.aws/config, ~/.aws/credentials", "the configuration of the AWS tools"},
		{"DATABASE.wal/backup_cursor.meta", "for which archives a database keeps its log"},
		{".NAME.gbak-restore", "what a restore that was interrupted has fetched, beside its target"},
	}
}
