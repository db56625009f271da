package main

// mutants are the ways to break what gbak-s3 promises, in the order of
// docs/promises.md.
var mutants = []mutant{
	// A backup that says it worked can be restored.
	{
		"a segment that could not be stored is committed", "archiver/internal/pack/upload.go",
		"	if err := g.Wait(); err != nil {\n		return nil, err\n	}\n	if ctx.Err() != nil {", "	_ = g.Wait()\n	if ctx.Err() != nil {",
		"./archiver", "TestBackupStopsAnywhere|TestInterruptedBackupContinues",
	},
	{
		"the database's checksums are not compared", "archiver/internal/pack/read.go",
		"if err := f.Proof.Check(); err != nil {", "if err := f.Proof.Check(); err != nil && false {",
		"./archiver", "TestDamagedDatabase|TestDatabaseChangesWhileItIsRead",
	},
	{
		"an existing segment is trusted unread", "archiver/internal/objects/create.go",
		"putAt, right, readErr := s.HoldsSince(ctx, key, sum, int64(len(body)))", "putAt, right, readErr := result.PutAt, true, error(nil)",
		"./archiver", "TestLeftoverWithOtherContent",
	},
	{
		"what was encrypted and sent before is trusted unread", "archiver/internal/pack/segments.go",
		"err == nil && !isRight {", "err == nil && !isRight && false {",
		"./archiver/internal/pack", "TestLostIsSentAgain",
	},
	{
		"a changed page is referred to", "archiver/internal/pack/divide.go",
		"if old == digest {", "if old != (pages.Digest{}) {",
		"./archiver", "TestFullBackupsShareWhatIsTheSame|TestSecondFullStoresWhatChanged",
	},
	{
		"missing segments are referred to", "archiver/internal/pages/reference.go",
		"r.usable[i] && present[s.Key] != s.StoredBytes", "r.usable[i] && present == nil",
		"./archiver", "TestSharedWithADamagedArchive",
	},
	{
		"segments are referred to for ever", "archiver/internal/pages/reference.go",
		"used > 0 && used >= bytes/5*4", "used > 0",
		"./archiver", "TestSharedSegmentsAreBounded",
	},
	{
		"zeros of an image pass for any content", "archiver/internal/verify/deep.go",
		"	addHoles(d.proof, d.image)\n", "",
		"./archiver", "TestFullBackupsShareWhatIsTheSame",
	},
	{
		"the checksum of a 0.6 frame is not compared", "archiver/grafeo/frame06.go",
		"	if crc != stored {", "	if crc != stored && false {",
		"./archiver/grafeo", "Torn|Damage|Flip",
	},
	{
		"the checksum of a 0.5 frame is not compared", "archiver/grafeo/log05.go",
		"if binary.LittleEndian.Uint32(stored) != crc {", "if binary.LittleEndian.Uint32(stored) != crc && false {",
		"./archiver/grafeo", "Torn|Damage|Flip",
	},
	{
		"a part of the image that was never sent is not missed", "archiver/grafeo/proof.go",
		"			return &DamageError{Path: p.path, Offset: r.Offset, What: r.What + \": bytes are missing\"}", "			_ = r",
		"./archiver/grafeo", "TestProof",
	},
	{
		"the log continues wherever the numbers fit, whatever its content", "archiver/internal/capture/scan.go",
		"if c.CRC32C == s.mark.CRC32C && s.isInPlace(&c) {", "if s.isInPlace(&c) {",
		"./archiver", "TestFork",
	},
	{
		"the log that the next backup needs is released", "archiver/internal/hold/hold.go",
		"		lsn = c.StartFile\n", "		lsn = b.Position.LSN + 1<<40\n",
		"./archiver", "TestHold",
	},
	{
		"an archive that has gone back is not noticed", "archiver/internal/journal/sighting.go",
		"was.ArchiveID == e.ArchiveID && was.Seq <= e.Seq {", "was.ArchiveID == e.ArchiveID {",
		"./archiver", "TestVanished",
	},
	{
		"another backup with the number of the known one is taken for it", "archiver/internal/journal/vanished.go",
		"if there.CommitID != was.CommitID {", "if there.CommitID == \"\" {",
		"./archiver", "TestVanished",
	},
	{
		"a backup from the future is within any lag", "archiver/status.go",
		"case r.Age < -skewTolerance:", "case r.Newest == nil && r.Age < -skewTolerance:",
		"./archiver", "TestTimesInTheFuture",
	},

	{
		"a list believes summaries although a backup is missing", "archiver/internal/journal/outlines.go",
		"if outlines == nil || !g.isWhole {", "if outlines == nil {",
		"./archiver", "TestListsBySummaries",
	},
	{
		"a route follows the summaries even if the manifests differ", "archiver/internal/journal/routes.go",
		"whole = whole && m.SameOutline(route.Chain[i].Manifest)", "",
		"./archiver", "TestRoutesBySummaries",
	},
	{
		"an epoch is restored from a timeline although a newer one may be lost", "archiver/internal/catalog/loss.go",
		"case to > last.Timeline, t.Time != nil", "case t.Time != nil",
		"./archiver/internal/journal", "TestDamagedManifest",
	},
	{
		"a lost change of the schema at a border is not missed", "archiver/internal/catalog/loss.go",
		"err == nil && (wantedErr != nil || !c.isSame(t, r, wanted)), err", "err",
		"./archiver", "TestNeighboursOfALostManifest",
	},
	{
		"a summary that differs from its manifest is not found", "archiver/internal/verify/manifests.go",
		"of != nil && of != m && !of.SameOutline(b)", "of != nil && of == m && !of.SameOutline(b)",
		"./archiver", "TestWrongSummary",
	},

	// The commit.
	{
		"a manifest is put without the condition", "archiver/internal/commit/commit.go",
		"storage.PutOptions{IfAbsent: true, SHA256: sum}", "storage.PutOptions{SHA256: sum}",
		"./archiver", "TestCommitAfterARival|TestHistoriesOfCommitters",
	},
	{
		"a successful answer to the commit is believed without proof", "archiver/internal/commit/commit.go",
		"		if proved {\n", "		if proved || err == nil {\n",
		"./archiver", "TestVanishedObject",
	},
	{
		"a checksum of something else counts as a proof", "storage/s3/put.go",
		"return *kept == sum", "return true",
		"./storage/s3", "TestProofs",
	},
	{
		"any entity tag is taken for the object's MD5", "storage/s3/put.go",
		"return err == nil && bytes.Equal(digest.Sum(nil), want)", "return err == nil || bytes.Equal(digest.Sum(nil), want)",
		"./storage/s3", "TestProofs",
	},
	{
		"segments are not looked up before the commit", "archiver/internal/pack/pack.go",
		"if err := to.confirm(ctx, counts.unproved); err != nil {", "if err := error(nil); err != nil {",
		"./archiver", "TestVanishedObject",
	},
	{
		"any manifest under the number is taken for ours", "archiver/internal/commit/commit.go",
		"case readErr == nil && bytes.Equal(found, document):", "case readErr == nil && len(found) > 0:",
		"./archiver", "TestCommitAfterARival|TestHistoriesOfCommitters",
	},
	{
		"our own manifest under the number is not recognized", "archiver/internal/commit/commit.go",
		"case readErr == nil && bytes.Equal(found, document):", "case readErr == nil && len(found) == 0:",
		"./archiver", "TestCommit$",
	},
	{
		"an unknown outcome is called a failure", "archiver/internal/commit/commit.go",
		"\"err\", err)\n		select {\n		case <-work.Done():\n			return nil, &UnknownOutcomeError{uint64(m.Seq), time.Since(began), err}",
		"\"err\", err)\n		select {\n		case <-work.Done():\n			return nil, err",
		"./archiver", "TestCommit$",
	},
	{
		"a refusal after an unclear attempt is believed", "archiver/internal/commit/commit.go",
		"case err != nil && !sent && refused(err):", "case err != nil && refused(err):",
		"./archiver", "TestCommit$",
	},

	// Nothing is overwritten: the stores.
	{
		"a directory overwrites existing objects", "storage/local/put.go",
		"		err = disk.Move(s.disk, temp, path)\n", "		err = s.disk.Rename(temp, path)\n",
		"./storage/local", "TestConformance|TestRace",
	},
	{
		"a conditional put to S3 is sent without the condition", "storage/s3/put.go",
		"		input.IfNoneMatch = aws.String(\"*\")\n", "",
		"./storage/s3", "TestConditionalPutIsSentOnce|TestConformance",
	},
	{
		"the SDK retries a conditional put to S3", "storage/s3/put.go",
		"		call = s.callOnce\n", "",
		"./storage/s3", "TestConditionalPutIsSentOnce",
	},
	{
		"bodies to S3 are not signed", "storage/s3/put.go",
		"	out, err := s.client.PutObject(ctx, input, call(storage.OpPut), signedPayload(sum))", "	out, err := s.client.PutObject(ctx, input, call(storage.OpPut))",
		"./storage/s3", "TestPutIsSigned|TestChecksums|Flip",
	},

	{
		"the bytes of an object in a directory are not synced", "storage/local/put.go",
		"	if err := f.Sync(); err != nil {", "	if err := error(nil); err != nil {",
		"./storage/local", "TestPowerLoss|TestOrderOfSteps",
	},
	{
		"the name of an object in a directory is not synced", "storage/local/put.go",
		"	if err := s.disk.Sync(dir); err != nil {", "	if err := error(nil); err != nil {",
		"./storage/local", "TestPowerLoss|TestOrderOfSteps",
	},
	{
		"objects of other writers are relied on before they are synced", "storage/local/put.go",
		"	err := s.syncShown()\n", "	_ = s.syncShown\n	var err error\n",
		"./storage/local", "TestObjectsOfOthersAreSyncedToo|TestPowerLoss|TestNotShown",
	},

	// What is said to be deleted is deleted.
	{
		"a key that the answer does not mention counts as deleted", "storage/s3/delete.go",
		"		kept[key] = &storage.Error{Op: storage.OpDelete, Key: key, Err: errUnmentioned}\n", "		_ = key\n",
		"./storage/s3", "TestDeleteAll",
	},
	{
		"a store that does not know DeleteObjects gets nothing else", "storage/s3/delete.go",
		"	if err != nil && !isUnknownRequest(err) {", "	if err != nil {",
		"./storage/s3", "TestDeleteAll",
	},
	{
		"a folder is not synced after its files are deleted", "storage/local/delete.go",
		"		if err := s.disk.Sync(dir); err != nil && !isMissing(err) {", "		if err := error(nil); err != nil && !isMissing(err) {",
		"./storage/local", "TestDeleteAll",
	},
	{
		"keys that the store was too busy for are not tried again", "archiver/internal/objects/delete.go",
		"		keys, err = toRepeat(answers)\n", "		keys, _ = toRepeat(answers)\n",
		"./archiver/internal/objects", "TestDeleteAll",
	},

	// A restore is exact, whole or absent.
	{
		"the digest of a segment is not compared", "archiver/internal/objects/read.go",
		"err == nil && !matches(b) {", "err == nil && !matches(b) && false {",
		"./archiver", "TestRot|TestForgedDocuments",
	},
	{
		"the checksum of a restored file is not compared", "archiver/internal/fetch/fetch.go",
		"got != file.CRC32 {", "got != file.CRC32 && false {",
		"./archiver", "TestForgedDocuments",
	},
	{
		"a restored log is cut a byte too early", "archiver/internal/rebuild/cut.go",
		"at.End)", "at.End-1)",
		"./archiver", "TestEveryEpoch|TestEpochsOfVectors",
	},
	{
		"a restored log ends a commit too early", "archiver/internal/catalog/target.go",
		"epoch > *r.Epoch", "epoch >= *r.Epoch",
		"./archiver", "TestEveryEpoch|TestEpochsOfVectors",
	},
	{
		"an incremental follows a checkpoint of 0.5", "archiver/internal/capture/continuity.go",
		"	if s.generation == grafeo.Gen05 {\n		// Direct calls", "	if s.generation == grafeo.Gen05 && false {\n		// Direct calls",
		"./archiver", "TestCheckpointOf05",
	},
	{
		"a full backup does not look for a parent that ends before its EpochAdvance", "archiver/internal/capture/full.go",
		"Borders: catalog.Borders(parent)})", "Borders: catalog.Borders()})",
		"./archiver/internal/capture", "TestParentBetweenCommitAndEpoch",
	},
	{
		"an image without a log is not noticed", "archiver/internal/capture/continuity.go",
		"image.Content != parent.Database.Content {", "image.Content != parent.Database.Content && false {",
		"./archiver", "TestUnexplainedImage",
	},
	{
		"a replay ignores an open transaction", "archiver/internal/replay/find.go",
		"	if f.ended.all(r.ID) {", "	if f.ended.all(r.ID) || true {",
		"./archiver", "TestReplay",
	},
	{
		"edges that the image has are restored from the log, too", "archiver/internal/replay/trim.go",
		"		if i < len(without) && without[i] < size {", "		if i < len(without) && without[i] < size && false {",
		"./archiver", "TestReplay",
	},
	{
		"an existing target is not noticed", "archiver/internal/staging/target.go",
		"		if err == nil {\n			if err := CheckMovable(target); err != nil {", "		if err == nil && false {\n			if err := CheckMovable(target); err != nil {",
		"./archiver", "TestTargetExists",
	},
	{
		"the image's first page is not held back", "archiver/internal/staging/files.go",
		"if offset < int64(len(s.first)) {", "if false {",
		"./archiver", "TestNothingOpensBeforeTheEnd|TestRestoreAfterAKilledOne",
	},

	{
		"the files of a restore are not synced", "archiver/internal/rebuild/rebuild.go",
		"if err := file.Sync(); err != nil {", "if err := error(nil); err != nil || file == nil {",
		"./archiver", "TestRestoreLosesPowerAnywhere",
	},
	{
		"the publishing mark of a restore is not written", "archiver/internal/staging/publish.go",
		"	if err := writeMark(s, p.mark); err != nil {", "	if err := error(nil); err != nil {",
		"./archiver", "TestRestoreIsKilledAnywhere",
	},

	// A plan writes nothing, and says what will be done.
	{
		"a dry run probes the store", "archiver/backup_plan.go",
		"		return manifest.Honoured, nil", "		return probeConditions(ctx, a)",
		"./archiver", "TestBackupsAreAsPlanned",
	},
	{
		"a dry run does not know that the log was held", "archiver/backup_plan.go",
		"held := !opts.NoHold && hold.WasHeldSince(", "held := opts.NoHold && hold.WasHeldSince(",
		"./archiver", "TestPlanWithAHeldLog",
	},
	{
		"a dry run takes for granted that bytes compress", "archiver/internal/pack/estimate.go",
		"if used+segment.Bound(n)+segment.Bound(0) > room {", "if used == room {",
		"./archiver", "TestLargeBackupsAreAsPlanned",
	},
	{
		"a plan leaves out the objects that the restore fetches", "archiver/plan.go",
		"Get: int64(p.Objects)", "Get: 0",
		"./archiver", "TestRestoresAreAsPlanned",
	},

	// Damage is found.
	{
		"a document's own digest is not compared", "archiver/manifest/document.go",
		"	return bytes.Equal(b[n:], end(b[:n]))", "	return n > 0",
		"./archiver/manifest", "TestDamagedDocument",
	},
	{
		"a field of a newer version is ignored", "archiver/manifest/document.go",
		"	d.DisallowUnknownFields()\n", "",
		"./archiver/manifest", "TestNewerDocument",
	},
	{
		"a manifest that does not follow the previous one is not found", "archiver/internal/verify/manifests.go",
		"previous != nil && *m.Previous != previous.Digest {", "previous != nil && false {",
		"./archiver", "TestForgedDocuments|TestRot",
	},
	{
		"a missing segment is not found", "archiver/internal/verify/references.go",
		"		v.find(key, \"it is missing\")", "		_ = key",
		"./archiver", "TestShallowVerify",
	},
	{
		"a frame may be of any size", "archiver/segment/segment.go",
		"if int64(len(raw)) != rawBytes {", "if int64(len(raw)) != rawBytes && false {",
		"./archiver/segment", "TestBomb|TestDamagedFrame",
	},
}
