package render_test

import (
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/page"
)

// hostileNames are what files may be called.
var hostileNames = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	"evil\u202egpj.oefarg", // as if it were oeargf.jpg
	"\u2067אבג\u2069 database",
	strings.Repeat("long-", 800) + "end",
	"two\nlines\x1b[31m and\x00 controls\u200b",
	"{{.Status}} ${x} javascript:alert(1)",
	"a/../../b?c=d#e%2f&f",
	"\xff\xfe not UTF-8",
	"..",
	"z" + strings.Repeat("\u0300", 200),
	"عربي",
	"one ` alone",
	"a `pair` of them",
	strings.Repeat("<", 3000),
}

func hostile() *page.Status {
	var all []page.Database
	for _, name := range hostileNames {
		d := safe("x")
		d.Name, d.Path, d.Archive = name, "/srv/"+name, "/mnt/"+name
		all = append(all, d)
	}
	refused(&all[0])
	all[0].Why, all[0].Hint, all[0].Code = hostileNames[0], "`"+hostileNames[1]+"`", hostileNames[0]
	all[0].Errors = []page.Problem{{At: ago(time.Minute), What: hostileNames[1], Text: hostileNames[5], Hint: hostileNames[0], Code: hostileNames[0]}}
	all[0].Last[0].Why, all[0].Writer = hostileNames[0], page.Writer{Other: ago(time.Minute), Who: hostileNames[0]}
	s := watched(all...)
	s.Problems = []page.Problem{{What: hostileNames[0], Text: hostileNames[2], Hint: hostileNames[1]}}
	s.Version = hostileNames[0]
	return s
}

// report is the status of archives alone.
func report() *page.Status {
	a, b := safe("people"), safe("shop")
	for _, d := range []*page.Database{&a, &b} {
		d.Phase, d.Looked, d.Safe, d.Target, d.Lag, d.Path = "", time.Time{}, time.Time{}, 0, 0, ""
		d.Disk, d.Held, d.Bytes, d.Counts, d.Hours, d.Proof.Every = page.Disk{}, 0, 0, page.Counts{}, nil, 0
		d.NextFull, d.FullEvery = time.Time{}, 0 // an archive alone does not say
	}
	a.Verify = page.Upkeep{Last: at, LastGood: at}
	b.Broken = "The newest backup cannot be restored: manifests/0000004711.json is missing."
	b.Restore += " --backup 4709"
	b.Restorable, b.History = ago(7*time.Minute), reach()
	b.History.Timelines[0].Spans[1].To = b.Restorable
	return &page.Status{At: at, Version: "0.1.0", Databases: []page.Database{a, b}}
}
