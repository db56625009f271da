package main

// trapMutants store plaintext, or for other keys, where a host knows better.
var trapMutants = []mutant{
	{
		"segments are not sealed", "archiver/internal/seal/content.go",
		"	return encrypt(dst, plain, k.newest().data)", "	return append(dst, plain...), nil",
		"./archiver", "TestSealed",
	},
	{
		"the guard lets plaintext pass", "archiver/internal/objects/guard.go",
		"		case !sealed:\n", "		case !sealed && false:\n",
		"./archiver/internal/objects", "TestGuard",
	},
	{
		"any text may become RESTORE.md of an encrypted archive", "archiver/internal/objects/guard.go",
		"return manifest.AreInstructions(text, true) }", "return len(text) > 0 }",
		"./archiver/internal/objects", "TestGuard",
	},
	{
		"another text in RESTORE.md is not found", "archiver/internal/verify/instructions.go",
		"err == nil && !bytes.Equal(b, want):", "err == nil && len(b) == 0:",
		"./archiver", "TestInstructionsAreVerified",
	},
	{
		"RESTORE.md that is lost is not written again", "archiver/internal/commit/head.go",
		"if m.Kind == manifest.Full { // also", "if h.Last == nil { // also",
		"./archiver", "TestInstructionsAreVerified",
	},
	{
		"the guard sleeps until the archive is known to be encrypted", "archiver/keys_host.go",
		"	return len(e.given.Recipients) > 0 || e.given.WriterKey != nil || e.given.Required\n", "	return false\n",
		"./archiver", "TestGuardWithoutSealer",
	},
	{
		"what this host saw says nothing of encryption", "archiver/keys_host.go",
		"case pin == nil || !pin.Encrypted:", "case pin == nil || pin.Encrypted:",
		"./archiver", "TestTraps|TestBeginAnewAfterEncryption",
	},
	{
		"another archive for this host's keys is taken for the one that it knows", "archiver/keys_host.go",
		"		err = other\n", "		err = nil\n",
		"./archiver", "TestTraps",
	},
	{
		"a first backup begins without asking what is expected", "archiver/internal/commit/document.go",
		"	if o.MayBegin != nil {\n", "	if false {\n",
		"./archiver", "TestTraps|TestBeginAnewAfterEncryption",
	},
	{
		"an encrypted archive that went back has vanished like any other", "archiver/internal/journal/vanished.go",
		"return e.Encrypted && e.ArchiveID == e.Was.ArchiveID", "return false && e.ArchiveID == e.Was.ArchiveID",
		"./archiver", "TestTraps",
	},
	{
		"a writer key is not durable when the first object is stored", "archiver/internal/record/write.go",
		"	for _, folder := range []string{filepath.Dir(path), f.Path, filepath.Dir(f.Path)} {", "	for _, folder := range []string{} {",
		"./archiver", "TestWriterKeyIsDurableBeforeAnythingIsStored",
	},
	{
		"a pin is written before the key that it needs", "archiver/internal/record/key.go",
		"	if err := f.PutWriterKey(ctx, key); err != nil {\n		return err\n	}\n	if err := f.put", "	if err := f.Pin(ctx, address, key.ArchiveID); err != nil {\n		return err\n	}\n	if err := f.PutWriterKey(ctx, key); err != nil {\n		return err\n	}\n	if err := f.put",
		"./archiver/internal/record", "TestBeginStopsAnywhere",
	},
	{
		"recipients are not compared", "archiver/internal/seal/compare.go",
		"all(wanted, isIn(has)) {", "all(wanted, isIn(has)) || true {",
		"./archiver", "TestRecipientsDiffer",
	},
}
