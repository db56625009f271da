package main

// sealedMutants are those of encrypted archives: their documents, and the keys of these.
var sealedMutants = []mutant{
	{
		"a manifest without a right MAC is believed", "archiver/internal/seal/content.go",
		"if err == nil && !isEqual(right, mac) {", "if err == nil && !isEqual(right, right) {",
		"./archiver", "TestForgedSealedDocuments",
	},
	{
		"archive.json without a right MAC is believed", "archiver/internal/seal/learn.go",
		"case !isEqual(g.authenticate(a.Line), a.MAC):", "case len(a.Line) == 0:",
		"./archiver/internal/seal", "TestDamage",
	},
	{
		"anybody hands over to keys of his own", "archiver/internal/seal/learn.go",
		"if g.entry.MAC == nil || !isEqual(", "if g.entry.MAC == nil || false && !isEqual(",
		"./archiver/internal/seal", "TestRevocation",
	},
	{
		"a record with keys that were replaced is believed", "archiver/internal/seal/learn.go",
		"generation != want {", "generation > want {",
		"./archiver/internal/journal", "TestRecordsWithReplacedKeys",
	},
	{
		"a record with keys that were replaced is believed if it is read first", "archiver/internal/seal/learn.go",
		"generation < want {", "generation > want {",
		"./archiver/internal/journal", "TestRecordsWithReplacedKeys",
	},
	{
		"each record has the list of keys read", "archiver/internal/objects/document.go",
		"if m.Keys < m.Seq && !s.Ring.Has(m.Generation) {", "if m.Keys < m.Seq {",
		"./archiver/internal/journal", "TestRequestsAfterAChangeOfKeys",
	},
	{
		"a newer list of keys is not looked for", "archiver/internal/journal/document.go",
		"isKey {\n		d, err = j.readWithNewerKeys(ctx, err)", "isKey && j == nil {\n		d, err = j.readWithNewerKeys(ctx, err)",
		"./archiver/internal/journal", "TestAfterAChangeOfKeys",
	},
	{
		"a host whose keys were revoked goes on to a commit", "archiver/internal/commit/document.go",
		"if err := r.CheckWriter(ctx); err != nil {", "if err := r.CheckWriter(ctx); err != nil && r == nil {",
		"./archiver/internal/journal", "TestAfterAChangeOfKeys",
	},
	{
		"the writer key of a new archive is not kept", "archiver/internal/seal/first.go",
		"return r.given.OnFirst(r.writer, document)", "return nil",
		"./archiver", "TestSealed$",
	},
	{
		"an index is not encrypted", "archiver/internal/commit/index.go",
		"if packed, err = s.Ring.SealCatalog(ctx, packed); err != nil {", "if _, err = s.Ring.SealCatalog(ctx, packed); err != nil {",
		"./archiver", "TestSealed$",
	},
}
