package metrics

import "github.com/gbak-s3/gbak-s3/archiver"

// tellProof tells what an archive says of its proofs. That there is no proof is a value, too: 0.
func tellProof(tell func(m metric, value float64, more ...string), p *archiver.Proofs) {
	if d := p.Proven; d != nil {
		tell(drillSuccess, seconds(d.At))
		tell(drillRestore, d.Restore.Seconds())
	} else {
		tell(drillSuccess, 0)
	}
	if d := p.LastDrill; d != nil {
		tell(drillOK, truth(d.OK))
	}
	if p.Coverage != nil {
		tellCoverage(tell, p.Coverage)
	}
}

// tellCoverage tells what samples have read.
func tellCoverage(tell func(m metric, value float64, more ...string), c *archiver.Coverage) {
	tell(verified, seconds(c.LastAt), levelSample)
	tell(verifyFindings, float64(c.Findings), levelSample)
	tell(verifyCovered, c.Read)
}
