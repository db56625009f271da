package main

// drillMutants claim what was not proved, or forget what was.
var drillMutants = []mutant{
	{
		"a drill believes what it has restored", "archiver/drill_run.go",
		"		p.Result, p.Why = DrillFailed, err.Error()\n", "		p.Result = DrillOK\n",
		"./archiver", "TestDrillFindsAnotherState",
	},
	{
		"any last commit will do", "archiver/internal/structure/state.go",
		"if l.last.CRC32C != says.CRC32C {", "if false && l.last.CRC32C != says.CRC32C {",
		"./archiver", "TestDrillFindsAnotherState",
	},
	{
		"a log need not meet its image", "archiver/internal/structure/state.go",
		"!l.joined && checkpoint > 0 {", "!l.joined && false {",
		"./archiver/internal/structure", "TestCheckJoinsLogAndImage",
	},
	{
		"a commit after the target may stay", "archiver/internal/structure/state.go",
		"case l.tooLate != nil:", "case false && l.tooLate != nil:",
		"./archiver/internal/structure", "TestCheckJoinsLogAndImage",
	},
	{
		"a log that was trimmed shows its state", "archiver/drill_run.go",
		"return structure.CheckLog(ctx, logDir, d.want)", "return nil",
		"./archiver", "TestDrillFindsAnotherState",
	},
	{
		"a digest is not compared with the one that is pinned", "archiver/internal/certificates/pins.go",
		"case other.Digest != p.Digest && isOf(other, p):", "case false && isOf(other, p):",
		"./archiver/internal/certificates", "TestPin$|TestPinsOfOneEpoch",
	},
	{
		"states that share an epoch are compared", "archiver/internal/certificates/pins.go",
		"	case pinned.State.IsPlaced() && p.State.IsPlaced():\n		return false\n", "",
		"./archiver/internal/certificates", "TestPinsOfOneEpoch",
	},
	{
		"the digest of another state counts", "archiver/internal/certificates/pins.go",
		"case p.ObjectKey() != key:", "case false:",
		"./archiver/internal/certificates", "TestDamagedPin",
	},
	{
		"a copy of a certificate under a later name counts", "archiver/internal/certificates/certificates.go",
		"case c.Key != key:", "case false:",
		"./archiver/internal/certificates", "TestDamagedCertificates",
	},
	{
		"a newer certificate that cannot be read is no alarm", "archiver/proofs.go",
		"case r.Proofs.Unread != nil:", "case false:",
		"./archiver", "TestProvenWithin",
	},
	{
		"a drill removes what stands in the place of its folder", "archiver/internal/scratch/scratch.go",
		"if !os.SameFile(info, f.is) {", "if false && !os.SameFile(info, f.is) {",
		"./archiver/internal/scratch", "TestRemoveFollowsNoLink",
	},
	{
		"a certificate that cannot be read counts as none", "archiver/internal/certificates/certificates.go",
		"if err == nil && c == nil && unread != nil {", "if false {",
		"./archiver/internal/certificates", "TestDamagedCertificates",
	},
	{
		"a drill of any state mends one that failed", "archiver/internal/certificates/failed.go",
		"if *failed != nil && isMended(*failed, d) {", "if *failed != nil {",
		"./archiver", "TestFailedDrill",
	},
	{
		"one drill that failed displaces another", "archiver/internal/certificates/put.go",
		"if base != nil && isFailed(base.LastDrill) &&", "if false && base != nil && isFailed(base.LastDrill) &&",
		"./archiver/internal/certificates", "TestTwoFail|TestFailuresOfAnyOrder",
	},
	{
		"another state is drawn than the one that failed", "archiver/drill_run.go",
		"} else if f != nil && slices", "} else if f = nil; f != nil && slices",
		"./archiver", "TestFailedDrillOfDrawnStays",
	},
	{
		"a clock that was ahead hides later certificates", "archiver/internal/certificates/put.go",
		"			at = before.Add(time.Millisecond)\n", "",
		"./archiver/internal/certificates", "TestClocks",
	},
	{
		"of certificates that are put together, the newest does not know the others", "archiver/internal/certificates/put.go",
		"if len(since) <= n || n == maxPuts || saysAll(since[len(since)-1], all) {", "if true || saysAll(since[len(since)-1], all) {",
		"./archiver/internal/certificates", "TestPutMeetsAnother",
	},
	{
		"what a host lacks is certified as the archive's failure", "archiver/drill_digest.go",
		"	case CodeStore:\n		e, ok", "	case CodeFailed, CodeDiskFull:\n		return true\n	case CodeStore:\n		e, ok",
		"./archiver", "TestDrillThatCannotBeDoneChangesNoProof|TestDrillWithoutRoom",
	},
	{
		"an object that is not handed out is nobody's failure", "archiver/drill_digest.go",
		"return ok && e.Op == storage.OpGet && !is(", "return false && ok && e.Op == storage.OpGet && !is(",
		"./archiver", "TestDrillOfWhatIsNotHandedOut",
	},
	{
		"a drill fetches what does not fit", "archiver/drill_run.go",
		"if ok && space.Sure && needed > space.Free {", "if false && ok && space.Sure && needed > space.Free {",
		"./archiver", "TestDrillWithoutRoom",
	},
	{
		"a folder in which somebody works is taken for a leftover", "archiver/internal/scratch/scratch.go",
		"if err != nil || !locked || !disk.IsStill(lock.Name(), lock) {", "if err != nil || false && !locked {",
		"./archiver", "TestDrillLeavesOthersAlone",
	},
}
