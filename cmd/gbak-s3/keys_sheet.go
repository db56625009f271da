package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func keysSheetCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "sheet ARCHIVE",
		Short: "Print a page for the safe",
		Long: `sheet prints a page to keep with an identity in a safe: where the archive is, who can
open it, and the command that restores it. It contains no secret.`,
		Example: `  gbak-s3 keys sheet s3://backups/people | lpr`,
		Args:    takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.printSheet(cmd, arguments(args, "ARCHIVE")[0])
		},
	}
}

// sheetLine is a sheet in JSON.
type sheetLine struct {
	Type    string       `json:"type"` // "sheet"
	Archive string       `json:"archive"`
	Keys    *keyListLine `json:"keys"`
	Restore string       `json:"restore"` // the command
	Text    string       `json:"text"`
}

func (a *app) printSheet(cmd *cobra.Command, address string) error {
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	r, err := archive.ListKeys(cmd.Context())
	if err != nil {
		return err
	}
	place := absolute(address)
	restore := "gbak-s3 restore " + quote(place) + " restored.grafeo"
	if r.Keys != nil {
		restore += " -i IDENTITY"
	}
	text := sheetOf(place, whereOf(address), restore, r.Keys, r.Proved)
	if a.out.json {
		line := sheetLine{Type: "sheet", Archive: place, Restore: restore, Text: text}
		if r.Keys != nil {
			line.Keys = lineOfKeys(*r.Keys)
		}
		return a.out.printJSON(line)
	}
	return a.out.print("%s", strings.TrimSuffix(text, "\n"))
}

// whereOf says where an archive is to somebody who has the page alone: its address, and the endpoint
// that only this host's environment has.
func whereOf(address string) string {
	if _, endpoint, found := strings.Cut(anyHost(address), " with "); found {
		return absolute(address) + "\n          with " + endpoint
	}
	return absolute(address)
}

// sheetOf returns the page for an archive, of which keys is nil if it is not encrypted.
func sheetOf(place, where, restore string, keys *archiver.KeyList, isProved bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "BACKUPS OF A GRAFEO DATABASE, made by gbak-s3\n\nWhere:    %s\n", where)
	if keys == nil {
		fmt.Fprintf(&b, "Key:      none is needed, the archive is not encrypted\n\nTo restore the newest state, with the credentials of that store:\n\n  %s\n", restore)
		return b.String()
	}
	fmt.Fprintf(&b, "Archive:  %s\n\nEncrypted with age (age-encryption.org). Any ONE of these opens it:\n\n", keys.ArchiveID)
	for _, r := range keys.Recipients {
		what := "the identity (a line AGE-SECRET-KEY-...) of the public key"
		if r.Kind == "passphrase" {
			what = "the passphrase, which gbak-s3 asks for:"
		}
		fmt.Fprintf(&b, "  [ ] %s\n      %s\n      kept at: ______________________________\n\n", what, r.Name)
	}
	if !isProved {
		b.WriteString("NOT PROVED: without a key, this page can only repeat what the store says. Make it again where\nthe writer key is, or with -i FILE.\n\n")
	}
	fmt.Fprintf(&b, `Without one of them, nobody can read the archive, not even the makers of gbak-s3.

To restore the newest state:

  1. Get gbak-s3, and the credentials of that store.
  2. Put the identity into a file, called IDENTITY below. It may be typed in, on a line of its own.
  3. %s

To check whether a key is right:  gbak-s3 keys check %s -i IDENTITY
Without gbak-s3, with age and zstd: tools/restore.py of its source, or FORMAT.md, "By hand".
`, restore, quote(place))
	return b.String()
}
