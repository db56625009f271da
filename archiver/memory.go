package archiver

import "github.com/gbak-s3/gbak-s3/archiver/internal/memory"

// Memory limits the memory for segments, see [Options].Memory. A run takes what it needs
// for one segment, waiting if it must, and returns it before the next one. So a backup
// of a few commits waits for seconds at most, even beside a full backup of a terabyte.
// In addition, each run needs a little for indexes and requests.
type Memory struct{ pool *memory.Pool }

// NewMemory returns a limit of so many bytes. If that is less than [LargestSegmentBytes],
// one segment at a time takes all of it, and more.
func NewMemory(bytes int64) *Memory { return &Memory{memory.New(bytes)} }

// LargestSegmentBytes is the most memory that building or reading one segment takes by
// default; [BackupOptions].SegmentBytes changes that.
const LargestSegmentBytes = 33 << 20

// limit returns the pool of m, which may be nil.
func (m *Memory) limit() *memory.Pool {
	if m == nil {
		return nil
	}
	return m.pool
}
