package storagetest

import (
	"context"
	"errors"
	"io"
	"maps"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// BodyFault is what happens to the bytes of a Put or a Get on the way.
type BodyFault int

const (
	// Whole bodies arrive as they are.
	Whole BodyFault = iota

	// Broken bodies end at [Fault.At] with an error. The store below reads an upload
	// that far and stores nothing; a download fails with [io.ErrUnexpectedEOF].
	Broken

	// Short bodies end at [Fault.At] as if that were all: a lie. An upload is stored
	// like that, unless the store below knows its digest.
	Short

	// Flipped bodies have a wrong bit in the byte at [Fault.At]: a lie, too.
	Flipped
)

// errBroken is the error of an upload that breaks off.
var errBroken = errors.New("the connection broke in the middle of the body")

// deleteAll deletes the keys that the fault does not keep back.
func (f Fault) deleteAll(ctx context.Context, next storage.Storage, keys []string) (map[string]error, error) {
	if f.Part > 0 && f.Part < len(keys) {
		keys = keys[:f.Part]
	}
	kept := map[string]error{}
	var sent []string
	for _, key := range keys {
		if f.Refuse != nil {
			if err := f.Refuse(key); err != nil {
				kept[key] = &storage.Error{Op: storage.OpDelete, Key: key, Err: err}
				continue
			}
		}
		sent = append(sent, key)
	}
	if len(sent) == 0 {
		driver.CountRequest(ctx, storage.OpDelete)
		return kept, nil
	}
	below, err := storage.DeleteAll(ctx, next, sent)
	maps.Copy(kept, below)
	return kept, err
}

// sent returns what the store below reads of an upload.
func (f Fault) sent(body io.ReadSeeker) io.ReadSeeker {
	if f.Body == Whole {
		return body
	}
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return body // its reader gets the same error
	}
	return &sentBody{faultyBody{body, f, f.at(remaining(body)), 0, errBroken}, body, start}
}

// received returns what the caller reads of a download of this size.
func (f Fault) received(key string, body io.ReadCloser, size int64) io.ReadCloser {
	if f.Body == Whole {
		return body
	}
	broken := &storage.Error{Op: storage.OpGet, Key: key, Err: io.ErrUnexpectedEOF}
	return struct {
		io.Reader
		io.Closer
	}{&faultyBody{body, f, f.at(size), 0, broken}, body}
}

// at returns the offset of the fault in a body of this size.
func (f Fault) at(size int64) int64 {
	if f.Body == Flipped && f.At >= size {
		return size - 1
	}
	return min(f.At, size)
}

type faultyBody struct {
	source io.Reader
	fault  Fault
	at     int64 // where it happens
	read   int64
	broken error
}

func (b *faultyBody) Read(p []byte) (int, error) {
	if b.fault.Body == Flipped {
		n, err := b.source.Read(p)
		if i := b.at - b.read; 0 <= i && i < int64(n) {
			p[i] ^= 1
		}
		b.read += int64(n)
		return n, err
	}
	rest := b.at - b.read
	if rest == 0 {
		if b.fault.Body == Broken {
			return 0, b.broken
		}
		return 0, io.EOF
	}
	n, err := b.source.Read(p[:min(int64(len(p)), rest)])
	b.read += int64(n)
	if errors.Is(err, io.EOF) && b.fault.Body == Broken {
		err = b.broken
	}
	return n, err
}

// sentBody is an upload with a fault. It can be read again.
type sentBody struct {
	faultyBody
	seeker io.Seeker
	start  int64
}

func (b *sentBody) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd && b.fault.Body == Short {
		offset, whence = b.start+b.at+offset, io.SeekStart
	}
	at, err := b.seeker.Seek(offset, whence)
	b.read = at - b.start
	return at, err
}
