package main

import (
	"context"
	"sync"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func keysAddCommand(a *app) *cobra.Command {
	var people recipientFlags
	cmd := &cobra.Command{
		Use:   "add ARCHIVE -r PUBLIC_KEY -i FILE",
		Short: "Let somebody else open an archive",
		Long: `add lets somebody else open an archive: what is already stored, and what comes later.
Nothing is stored again. It needs an identity that opens the archive.`,
		Example: `  gbak-s3 keys add s3://backups/people -r age1... -i key.txt`,
		Args:    takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			add, err := people.added(cmd.Context(), a)
			if err != nil {
				return err
			}
			if len(add) == 0 {
				return usage("no recipient to add", "Give a public key with -r, a file of them with -R, or --passphrase.")
			}
			return a.changeKeys(cmd, arguments(args, "ARCHIVE")[0], archiver.KeyChange{Add: add})
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&people.keys, "recipient", "r", nil, "let the identity of this age `PUBLIC_KEY` open the archive; may be repeated")
	flags.StringArrayVarP(&people.files, "recipients-file", "R", nil, "the same for all public keys in `FILE`; may be repeated")
	flags.BoolVar(&people.passphrase, "passphrase", false, "the same for a new passphrase, which you are asked for twice")
	return cmd
}

func keysRemoveCommand(a *app) *cobra.Command {
	var change archiver.KeyChange
	cmd := &cobra.Command{
		Use:   "remove ARCHIVE -r RECIPIENT -i FILE",
		Short: "Keep somebody from opening later backups",
		Long: `remove locks a recipient out of later backups: a public key, or a passphrase by its
name, as keys list shows them. It makes new keys, which hosts that back up find by
themselves. What is already stored stays readable for anyone who has kept the old keys,
and so does the list of later backups, unless --revoke-hosts is given. To end that, copy
the archive for other recipients, and delete this one.

It needs an identity of somebody who stays.`,
		Example: `  gbak-s3 keys remove s3://backups/people -r passphrase-1 -i key.txt
  gbak-s3 keys remove s3://backups/people -r age1... -i key.txt`,
		Args: takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(change.Remove) == 0 {
				return usage("no recipient to remove", "Give a recipient with -r, as `gbak-s3 keys list` shows it.")
			}
			return a.changeKeys(cmd, arguments(args, "ARCHIVE")[0], change)
		},
	}
	cmd.Flags().StringArrayVarP(&change.Remove, "recipient", "r", nil, "the `RECIPIENT` to remove, as keys list shows it; may be repeated")
	revokeFlag(cmd, &change)
	return cmd
}

func keysRotateCommand(a *app) *cobra.Command {
	change := archiver.KeyChange{Rotate: true}
	cmd := &cobra.Command{
		Use:   "rotate ARCHIVE -i FILE",
		Short: "Encrypt later backups with new keys",
		Long: `rotate makes new keys for later backups; the same recipients can open the archive. Hosts
that back up find the new keys by themselves, unless they are revoked: then each needs a
new writer key (see keys writer). What is already stored stays readable for anyone who
has kept the old keys.`,
		Example: `  gbak-s3 keys rotate s3://backups/people --revoke-hosts -i key.txt`,
		Args:    takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeKeys(cmd, arguments(args, "ARCHIVE")[0], change)
		},
	}
	revokeFlag(cmd, &change)
	return cmd
}

func revokeFlag(cmd *cobra.Command, change *archiver.KeyChange) {
	cmd.Flags().BoolVar(&change.RevokeHosts, "revoke-hosts", false, "give the new keys to no host, such as after one was stolen: each then needs a new writer key")
}

// recipientFlags say who is to be added.
type recipientFlags struct {
	keys, files []string
	passphrase  bool
}

// added returns who is to be added. A passphrase is asked for once, when it is needed.
func (f *recipientFlags) added(ctx context.Context, a *app) ([]archiver.Recipient, error) {
	given := keyFlags{recipients: f.keys, recipientsFiles: f.files}
	if f.keys == nil && f.files == nil && !f.passphrase {
		return nil, nil // $GBAK_RECIPIENTS are those of backups
	}
	var all []archiver.Recipient
	if f.keys != nil || f.files != nil {
		var err error
		if all, err = given.givenRecipients(ctx); err != nil {
			return nil, err
		}
	}
	if f.passphrase {
		all = append(all, archiver.AskedPassphrase(sync.OnceValues(func() (string, error) {
			return a.keys.askPassphrase(ctx, "a new passphrase for the archive", true)
		})))
	}
	return all, nil
}

// changeKeys changes who can open an archive, or with which keys.
func (a *app) changeKeys(cmd *cobra.Command, address string, change archiver.KeyChange) error {
	if err := mustWrite(address); err != nil {
		return err
	}
	outliveReaders()
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	if a.keys.asker.canAsk() {
		change.Passphrase = func(ctx context.Context, recipient string) (string, error) {
			return a.keys.asker.passphrase(ctx, "the passphrase that is "+recipient+" of the archive", false)
		}
	}
	r, err := archive.ChangeKeys(cmd.Context(), change)
	if err != nil {
		return err
	}
	const done = "the keys are changed"
	if a.out.json {
		return a.out.answered(done, a.out.printJSON(keysLine{
			Type: "keys", Keys: lineOfKeys(r.Keys), Proved: true, Commit: r.Record,
			Requests: r.Requests, Cost: a.out.costOf(r.Requests, 0, 0), ElapsedMS: r.Elapsed.Milliseconds(),
		}))
	}
	return a.out.answered(done, a.out.printChange(change, r))
}

// printChange prints what a change of keys has done, and what it has not.
func (o *output) printChange(change archiver.KeyChange, r archiver.KeyChangeReport) error {
	if r.Record == 0 {
		return o.print("they open the archive already: nothing was changed")
	}
	err := o.printKeys(r.Keys)
	say := func(text string) {
		if err == nil {
			err = o.print("%s", text)
		}
	}
	switch {
	case !change.IsRotation():
		say("They can open everything, including what is already stored.")
	case change.RevokeHosts:
		say("Hosts cannot back up before each has a new writer key:\n  gbak-s3 keys writer ARCHIVE -i FILE")
	default:
		say("Hosts that back up find the new keys by themselves.")
	}
	if change.IsRotation() {
		say("What is already stored stays readable for anyone who has kept the old keys. To end that, copy the archive to a new one with `gbak-s3 copy`, and delete this one.")
		if !change.RevokeHosts {
			say("So does the list of later backups: --revoke-hosts would have prevented that.")
		}
	}
	if err == nil {
		err = o.printTaken(r.Requests, took(r.Elapsed))
	}
	return err
}
