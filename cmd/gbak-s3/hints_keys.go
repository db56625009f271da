package main

import "github.com/gbak-s3/gbak-s3/archiver"

// reading are the commands that read what was backed up, for which the writer key of a host is
// not enough.
var reading = []string{"restore", "export", "verify", "compact", "copy", "check", "add", "remove", "rotate", "writer", "drill"}

// ofKeys is what may be wrong with the keys of an archive.
var ofKeys = []row{
	{
		name: "copy without recipients", when: code(archiver.CodeNoRecipients),
		say: "Nothing was stored. Say with -r PUBLIC_KEY or -R FILE who can open the copy, or give --plain for a copy that is not encrypted.",
	},
	{
		name: "an expiry of a mirror", when: both(code(archiver.CodeMirror), of("expire")),
		say: "The mirrored archive decides what goes: run `gbak-s3 expire` there, mirror again, and then run `gbak-s3 expire --apply` " +
			"here, without rules, to delete what was removed there.",
	},
	{
		name: "a mirror", when: code(archiver.CodeMirror),
		say: "Nothing was stored. Give the address of the archive that is mirrored. If that is lost, `gbak-s3 mirror --detach` turns the " +
			"mirror into an ordinary archive: then run this again.",
	},
	{
		name: "mirrored into something else", when: both(code(archiver.CodeTargetExists), of("mirror")),
		say: "Nothing was changed there. Give an address where there is nothing yet: only a mirror that was not detached can be brought up to date.",
	},
	{
		name: "a mirror with other backups", when: both(code(archiver.CodeConflict), of("mirror")),
		say: "Nothing was changed. If you confused the two addresses, swap them. Otherwise each has backups that the other lacks: keep both, and " +
			"mirror to another address.",
	},
	{
		name: "damage while mirroring", when: both(code(archiver.CodeDamagedArchive), of("mirror")),
		say: "`gbak-s3 verify --deep` says which backups are affected. What is damaged in the archive can be mirrored once no backup needs it: take a full " +
			"backup with --fresh, and give up those with `gbak-s3 expire --remove`. What is damaged in the mirror is stored again after you have removed it there.",
	},
	{
		name: "identity is missing", when: both(code(archiver.CodeKeyMissing), of(reading...)),
		say: "Nothing was changed. Give an identity that belongs to one of these recipients, with -i FILE or in $GBAK_IDENTITY. A passphrase is " +
			"asked for on a terminal, or printed by the command of --passphrase-command.",
	},
	{
		name: "writer key is missing", when: code(archiver.CodeKeyMissing),
		say: "Nothing was stored. `gbak-s3 keys writer -i IDENTITY ARCHIVE` makes this host's writer key again; or give one with --writer-key. An " +
			"identity of one of the recipients works as well: -i FILE.",
	},
	{
		name: "identity is wrong", when: both(code(archiver.CodeKeyWrong), as[*archiver.KeysError]),
		say: "Nothing was changed. Give an identity that belongs to one of these recipients. `gbak-s3 keys check -i IDENTITY ARCHIVE` says whether one does; if " +
			"hosts were revoked, `gbak-s3 keys writer` makes the writer key of this one again.",
	},
	{
		name: "key of another archive", when: code(archiver.CodeKeyWrong),
		say: "Nothing was stored. Is it the right bucket and prefix? Somebody may have put another archive there: look at the bucket's versions. " +
			"If you have done that yourself, give the key that belongs to it, remove the file that is named, or use another address.",
	},
	{
		name: "needed recipient", when: code(archiver.CodeRecipientNeeded),
		say: "Nothing was changed. With -i, give an identity of somebody who stays: whoever leaves must let others do it. If nobody stays, first add somebody with `gbak-s3 keys add`.",
	},
	{
		name: "no such recipient", when: both(code(archiver.CodeRecipients), of("add", "remove", "rotate")),
		say: "Nothing was changed. `gbak-s3 keys list ARCHIVE` shows who can open it.",
	},
	{
		name: "other recipients", when: code(archiver.CodeRecipients),
		say: "Nothing was stored. If the archive is as it should be, correct -r, -R or $GBAK_RECIPIENTS, or leave them out: they count for the first backup only. " +
			"`gbak-s3 keys add` and `gbak-s3 keys remove` change who can open it.",
	},
	{
		name: "not encrypted", when: code(archiver.CodeNotEncrypted),
		say: "Nothing was stored. Somebody may have replaced the archive, to be sent plaintext: look at the bucket's versions. If it never was " +
			"encrypted, it cannot be any more: `gbak-s3 copy ARCHIVE NEW -r PUBLIC_KEY` makes one that is. If you want it without encryption, leave out " +
			"what says otherwise, or remove the file that is named.",
	},
	{
		name: "copy without encryption into an encrypted archive", when: both(code(archiver.CodeEncrypted), of("copy")),
		say: "Nothing was stored. Leave out --plain to go on with the encrypted copy, or copy to another address.",
	},
	{
		name: "encrypted now", when: code(archiver.CodeEncrypted),
		say: "Nothing was stored. Somebody may have replaced the archive by one for other keys. If you have done that yourself, run `backup` or `import` with " +
			"--begin-anew, once.",
	},
	{
		name: "archive.json of what is read", when: both(as[*archiver.DocumentError], of("restore", "list", "export", "status")),
		say: "In a bucket that keeps versions, ?versions=oldest behind the archive's address shows what was stored first, whatever was put " +
			"over it or deleted since: see docs/lock.md. Otherwise put an intact copy of archive.json back.",
	},
	{
		name: "made at another address", when: both(text(", another address with this archive's id"), func(f *facts) bool {
			return f.code == archiver.CodeVanished || f.code == archiver.CodeDamagedArchive
		}),
		say: "Nothing was stored. Two archives with one id have backed up this database: one of them is a copy of the other, such as a mirror " +
			"that was detached. Back up into the one that the message names, and no more into this one. If both addresses lead to the same " +
			"place, that backup is gone from there. To go on here all the same, run `backup` with --begin-anew, once.",
	},
	{
		name: "rolled back", when: both(code(archiver.CodeDamagedArchive), text("rolled back:")),
		say: "Nothing was stored. Backups that were there are gone, and no expiry has removed them: look at the bucket's versions. What is left " +
			"can be restored. To go on without them, run `backup` or `import` with --begin-anew, once.",
	},
}
