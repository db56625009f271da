package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

func keysListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list ARCHIVE",
		Short: "Show who can open an archive",
		Long: `list shows whose identities open an archive, and from which record on its newest keys
are used. It needs no key. With one, it proves that the list was written by somebody
with the archive's keys.`,
		Example: `  gbak-s3 keys list s3://backups/people`,
		Args:    takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.listKeys(cmd, arguments(args, "ARCHIVE")[0])
		},
	}
}

// keyListLine is who can open an archive, in JSON.
type keyListLine struct {
	ArchiveID   string           `json:"archive_id"`
	Record      uint64           `json:"record"` // that has the list
	Generations []generationLine `json:"generations"`
	Recipients  []recipientLine  `json:"recipients"`
}

type generationLine struct {
	Number  int    `json:"number"`
	From    uint64 `json:"from"`
	Revoked bool   `json:"revoked,omitempty"`
}

type recipientLine struct {
	Recipient string `json:"recipient"`
	Kind      string `json:"kind"`
}

func lineOfKeys(k archiver.KeyList) *keyListLine {
	line := &keyListLine{ArchiveID: k.ArchiveID, Record: k.Record}
	for _, g := range k.Generations {
		line.Generations = append(line.Generations, generationLine(g))
	}
	for _, r := range k.Recipients {
		line.Recipients = append(line.Recipients, recipientLine{r.Name, r.Kind})
	}
	return line
}

// keysLine is the answer of keys list, and of what changes the list, in JSON.
type keysLine struct {
	Type      string                `json:"type"`             // "keys"
	Keys      *keyListLine          `json:"keys"`             // null if the archive is not encrypted
	Proved    bool                  `json:"proved"`           // a key that is here shows that the list is right
	Commit    uint64                `json:"commit,omitempty"` // the record that was committed
	Requests  storage.RequestCounts `json:"requests"`
	Cost      *costLine             `json:"cost,omitempty"`
	ElapsedMS int64                 `json:"elapsed_ms"`
}

func (a *app) listKeys(cmd *cobra.Command, address string) error {
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	r, err := archive.ListKeys(cmd.Context())
	if err != nil {
		return err
	}
	if a.out.json {
		line := keysLine{Type: "keys", Proved: r.Proved, Requests: r.Requests, Cost: a.out.costOf(r.Requests, 0, 0), ElapsedMS: r.Elapsed.Milliseconds()}
		if r.Keys != nil {
			line.Keys = lineOfKeys(*r.Keys)
		}
		return a.out.printJSON(line)
	}
	if r.Keys == nil {
		return a.out.print("the archive is not encrypted")
	}
	if err := a.out.printKeys(*r.Keys); err != nil {
		return err
	}
	if !r.Proved {
		return a.out.print("That is what the store says: there is no key here that shows whether it is right.")
	}
	return nil
}

// printKeys prints who can open an archive.
func (o *output) printKeys(k archiver.KeyList) error {
	newest := k.Generations[len(k.Generations)-1]
	err := o.print("archive %s is encrypted for %s, with generation %d of its keys, from record %d on:",
		k.ArchiveID, plural(len(k.Recipients), "recipient"), newest.Number, newest.From)
	for _, r := range k.Recipients {
		if err == nil {
			err = o.print("  %s%s", r.Name, kindOfRecipient(r))
		}
	}
	return err
}

// kindOfRecipient says what sort of a recipient it is, where its name does not.
func kindOfRecipient(r archiver.KeyRecipient) string {
	if r.Kind == "hybrid" {
		return " (hybrid)"
	}
	return ""
}

// printTaken prints what a command has taken.
func (o *output) printTaken(c storage.RequestCounts, elapsed string) error {
	err := o.print("%s, %s", requests(c), elapsed)
	if err == nil {
		err = o.printCost(o.costOf(c, 0, 0))
	}
	return err
}
