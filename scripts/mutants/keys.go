package main

// keysMutants give keys to those who should not have them, or take them from those who should.
var keysMutants = []mutant{
	{
		"the newest list of keys is deleted", "archiver/internal/gc/manifests.go",
		"[]manifest.Seq{n.keep.Keys, n.thenKeys}",
		"[]manifest.Seq{}",
		"./archiver", "TestKeysOutliveExpiry",
	},
	{
		"a removal makes no new keys", "archiver/internal/seal/change.go",
		"return c.Rotate || len(c.Remove) > 0",
		"return c.Rotate",
		"./archiver", "TestRecipientsComeAndGo",
	},
	{
		"who is removed gets the new keys", "archiver/internal/seal/change.go",
		"return slices.Contains(c.Remove, x.Recipient) })",
		"return x.Recipient == \"\" })",
		"./archiver", "TestRecipientsComeAndGo",
	},
	{
		"nobody who stays has to be there", "archiver/internal/seal/change.go",
		"	return &NeededRecipientError{}\n}",
		"	return nil\n}",
		"./archiver", "TestKeyChangesRefused",
	},
	{
		"revoked hosts are handed the new keys", "archiver/internal/seal/generation.go",
		"	if !isRevoked {",
		"	if !isRevoked || next != nil {",
		"./archiver", "TestRevokedHosts",
	},
	{
		"hosts are not handed the new keys", "archiver/internal/seal/generation.go",
		"	if !isRevoked {",
		"	if !isRevoked && next == nil {",
		"./archiver", "TestHostThatSlept",
	},
	{
		"a change of keys under a number of old times counts", "archiver/internal/commit/fence.go",
		"		return h.isFollowed(ctx, m)",
		"		return true, nil",
		"./archiver", "TestKeyChangeSleepsBeforeItsCommit",
	},
	{
		"a change of keys that a keep names is made again", "archiver/internal/commit/fence.go",
		"case m.Kind == manifest.KeyChange && keep.Keys != m.Seq:",
		"case m.Kind == manifest.KeyChange:",
		"./archiver", "TestKeyChangeSleepsAfterItsCommit",
	},
	{
		"keys that were never in force are learned", "archiver/internal/objects/document.go",
		"	if m.Keys == m.Seq && !counts {",
		"	if m.Keys == m.Seq && !counts && m.Seq == 0 {",
		"./archiver", "TestKeyChangeSleepsBeforeItsCommit",
	},
}
