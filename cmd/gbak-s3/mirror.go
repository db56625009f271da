package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

func mirrorCommand(a *app) *cobra.Command {
	var opts archiver.MirrorOptions
	var serverSide string
	var detach bool
	cmd := &cobra.Command{
		Use:   "mirror SRC DST",
		Short: "Keep the same archive at a second address, byte for byte",
		Long: `mirror makes the same archive at DST as at SRC, byte for byte and with the same id. Run
it again to add what is new. SRC is not changed. Certificates are not mirrored: what was
proved of SRC says nothing about DST, which has its own.

It may be killed, and backups into SRC may go on: the same command continues where the
last one ended. What it fetches is compared with its hash. A damaged object is named and
not mirrored, and neither is any backup from the first one on that needs it. Once the
first run has ended, everything can be restored from DST as from SRC, at any time.
Nothing at DST is overwritten or deleted; what expire has removed from SRC is deleted at
DST by expire --apply DST.

To mirror an encrypted archive, no key is needed. With one, such as this host's writer
key, everything is compared with the whole hash that a backup names, and missing objects
are noticed.

Nothing else writes into a mirror: backups into it are refused, because a database holds
its log for one archive with this id. If SRC is lost, --detach DST turns the mirror into
an ordinary archive, for good, and backups go on there.

Exit codes: 0 DST has everything; 3 an object is damaged or missing, and what was
mirrored until then stays; 4 there is no archive at SRC; 6 DST has a backup that SRC
does not have; 8 DST is something else than a mirror of SRC; 9 the store of DST does not
support conditional writes.`,
		Example: `  gbak-s3 mirror s3://backups/people s3://elsewhere/people
  gbak-s3 mirror /mnt/disk/people s3://backups/people-2 --deep
  gbak-s3 mirror --detach s3://elsewhere/people`,
		Args: func(cmd *cobra.Command, args []string) error {
			if detach {
				return takesBoth("DST")(cmd, args)
			}
			return takesBoth("SRC", "DST")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if serverSide != "auto" && serverSide != "never" {
				return usage("--server-side %s is not known", "Give auto or never.", serverSide)
			}
			opts.ServerSide = serverSide == "auto"
			if detach {
				return a.detach(cmd, args[0])
			}
			return a.mirror(cmd, args[0], args[1], opts)
		},
	}
	flags := cmd.Flags()
	a.keys.opening(flags)
	a.limits.uploads(flags)
	a.limits.downloads(flags)
	flags.BoolVarP(&opts.DryRun, "dry-run", "n", false, "only show what would be mirrored")
	flags.BoolVar(&opts.Deep, "deep", false, "read all of DST back at the end")
	flags.StringVar(&serverSide, "server-side", "auto",
		"let a store that has both archives copy segments by itself: auto or never")
	flags.BoolVar(&detach, "detach", false, "turn the mirror DST into an ordinary archive, for good")
	cmd.MarkFlagsMutuallyExclusive("detach", "dry-run")
	cmd.MarkFlagsMutuallyExclusive("detach", "deep")
	return cmd
}

func (a *app) mirror(cmd *cobra.Command, src, dst string, opts archiver.MirrorOptions) error {
	if err := apartFromEachOther(src, dst); err != nil {
		return err
	}
	if isSame(src, dst) {
		return usage("%s and %s are one address", "Give another address for the mirror.", src, dst)
	}
	if err := mustWrite(dst); err != nil {
		return err
	}
	frugal()
	outliveReaders()
	keys, err := a.mirrorKeys(cmd.Context())
	if err != nil {
		return err
	}
	all := a.archives(nil)
	from, err := all.openWith(cmd.Context(), src, a.log, keys)
	if err != nil {
		return err
	}
	to, err := all.openWith(cmd.Context(), dst, a.log, archiver.Keys{})
	if err != nil {
		return err
	}
	a.out.paid = isBucket(src) || isBucket(dst)
	bar := a.out.progress("mirroring")
	opts.Observer = bar.observe
	r, err := from.Mirror(cmd.Context(), to, opts)
	bar.done()
	if err != nil && len(r.Damaged) == 0 {
		return err
	}
	printed := a.out.printMirror(src, dst, r)
	if err != nil {
		return err
	}
	if r.Records > 0 && !r.DryRun {
		return a.out.answered("the archive is mirrored", printed)
	}
	return printed
}

// isSame reports whether two addresses are of one archive, as far as they tell.
func isSame(a, b string) bool {
	x, errX := localRoot(a)
	y, errY := localRoot(b)
	if errX != nil || errY != nil || x == "" || y == "" {
		return strings.TrimRight(a, "/") == strings.TrimRight(b, "/")
	}
	return real(x) == real(y)
}

// mirrorKeys returns the keys of the archive that is mirrored. It takes none, so nobody is asked for one.
func (a *app) mirrorKeys(ctx context.Context) (archiver.Keys, error) {
	keys, err := a.keys.given(ctx, a.log)
	keys.Recipients, keys.Required = nil, len(a.keys.identities) > 0
	if len(a.keys.identityFiles()) == 0 && a.keys.passphraseCommand == "" {
		keys.Identities = nil
	}
	return keys, err
}

func (a *app) detach(cmd *cobra.Command, dst string) error {
	if err := mustWrite(dst); err != nil {
		return err
	}
	to, err := a.archives(nil).openWith(cmd.Context(), dst, a.log, archiver.Keys{})
	if err != nil {
		return err
	}
	isFresh, err := to.Detach(cmd.Context())
	if err != nil {
		return err
	}
	if a.out.json {
		return a.out.answered("the mirror is detached", a.out.printJSON(detachLine{"detach", isFresh}))
	}
	if !isFresh {
		return a.out.print("%s was detached before", dst)
	}
	return a.out.answered("the mirror is detached", a.out.print("%s is no mirror any more: back up into it, and no more into what was mirrored", dst))
}

// detachLine is the end of a mirror in JSON.
type detachLine struct {
	Type     string `json:"type"` // "detach"
	Detached bool   `json:"detached"`
}

// mirrorLine is a mirroring in JSON.
type mirrorLine struct {
	Type       string                `json:"type"` // "mirror"
	DryRun     bool                  `json:"dry_run"`
	Newest     uint64                `json:"newest"`
	UpTo       uint64                `json:"up_to"`
	Records    int                   `json:"records"`
	Objects    int                   `json:"objects"`
	Bytes      int64                 `json:"bytes"`
	ServerSide int                   `json:"server_side"`
	SizeOnly   int                   `json:"size_only"`
	ReadBack   int                   `json:"read_back"`
	Unopened   bool                  `json:"unopened"`
	Damaged    []mirrorDamageLine    `json:"damaged"`
	Requests   storage.RequestCounts `json:"requests"`
	Cost       *costLine             `json:"cost,omitempty"`
	ElapsedMS  int64                 `json:"elapsed_ms"`
}

// mirrorDamageLine is a damaged object in JSON.
type mirrorDamageLine struct {
	Key     string `json:"key"`
	Problem string `json:"problem"`
	In      string `json:"in"` // "source" or "mirror"
}

func (o *output) printMirror(src, dst string, r archiver.MirrorReport) error {
	stored := r.Bytes
	if r.DryRun {
		stored = 0
	}
	cost := o.costOf(r.Requests, stored, stored)
	if o.json {
		line := mirrorLine{
			Type: "mirror", DryRun: r.DryRun, Newest: r.Newest, UpTo: r.UpTo, Records: r.Records, Objects: r.Objects, Bytes: r.Bytes, ServerSide: r.ServerSide,
			SizeOnly: r.SizeOnly, ReadBack: r.ReadBack, Unopened: r.Unopened, Damaged: []mirrorDamageLine{}, Requests: r.Requests, Cost: cost, ElapsedMS: r.Elapsed.Milliseconds(),
		}
		for _, d := range r.Damaged {
			line.Damaged = append(line.Damaged, mirrorDamageLine{d.Key, d.Problem, sideOf(d)})
		}
		return o.printJSON(line)
	}
	for _, d := range r.Damaged {
		if err := o.print("damaged, in the %s: %s: %s", sideOf(d), d.Key, d.Problem); err != nil {
			return err
		}
	}
	what := plural(r.Records, "record") + " and " + plural(r.Objects, "other object")
	if r.DryRun {
		return o.print("would mirror %s of %s, %s", what, src, size(r.Bytes))
	}
	if err := o.print("mirrored %s of %s, %s, %s, %s", what, src, size(r.Bytes), requests(r.Requests), took(r.Elapsed)); err != nil {
		return err
	}
	if err := o.printMirrorProof(r); err != nil {
		return err
	}
	if len(r.Damaged) == 0 {
		if err := o.print("%s has everything up to record %d", dst, r.UpTo); err != nil {
			return err
		}
	}
	return o.printCost(cost)
}

// printMirrorProof says how far what was mirrored was checked, where that is not as always.
func (o *output) printMirrorProof(r archiver.MirrorReport) error {
	if r.Unopened {
		if err := o.print("no key was here: compared with the hashes in the names of objects"); err != nil {
			return err
		}
	}
	if r.ServerSide > 0 {
		if err := o.print("the store has copied %s by itself; of %d of these it has shown no more than the size", plural(r.ServerSide, "object"), r.SizeOnly); err != nil {
			return err
		}
	}
	if r.ReadBack > 0 {
		return o.print("read back: %s", plural(r.ReadBack, "object"))
	}
	return nil
}

func sideOf(d archiver.MirrorDamage) string {
	if d.InSource {
		return "source"
	}
	return "mirror"
}
