package objects

import (
	"log/slog"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/memory"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Store is the objects of an archive. All methods may be called concurrently.
type Store struct {
	Storage  storage.Storage
	Patience time.Duration // how long the store may be busy or unreachable
	Log      *slog.Logger  // receives what is not worth an error

	// Ring has the keys of the archive; nil for one that is not encrypted.
	Ring *seal.Ring

	// Memory is for the segments that are being built or read; nil for no limit.
	Memory *memory.Pool
}
