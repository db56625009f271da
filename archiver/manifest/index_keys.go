package manifest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
)

// ReadIndexKeys reads what [Index.Encode] returned, and calls use with the key and the size
// of each object that it names. It knows as much of the document as [DecodeIndex], but takes no
// memory that grows with it, and does not compare its numbers. use may have been called
// before an error is found. Errors are [ErrDamaged], an [*UnsupportedError], or those of r.
func ReadIndexKeys(r io.Reader, use func(key string, bytes int64)) error {
	line := &firstLine{r: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
	d := json.NewDecoder(line)
	d.DisallowUnknownFields()
	k := &keyReader{d: d, use: use}
	err := k.index()
	if _, end := d.Token(); err == nil && !errors.Is(end, io.EOF) {
		err = errors.New("more than one value")
	}
	var syntax *json.SyntaxError
	var unsupported *UnsupportedError
	switch {
	case line.err != nil:
		return line.err
	case errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrDamaged):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case errors.As(err, &unsupported):
		return unsupported
	case err != nil:
		return &UnsupportedError{What: err.Error()}
	}
	rest, err := io.ReadAll(io.LimitReader(line.r, 1<<10))
	if err != nil {
		return err
	}
	if !line.isWhole || !bytes.Equal(rest, sealOf(line.sum)) {
		return fmt.Errorf("%w: its content does not match its own digest", ErrDamaged)
	}
	return nil
}

// sealOf is [seal] of what was hashed.
func sealOf(sum hash.Hash) []byte {
	return fmt.Appendf(nil, "{\"sha256\":\"%s\"}\n", Digest(sum.Sum(nil)))
}

// firstLine reads the first line of a document, and hashes it.
type firstLine struct {
	r       *bufio.Reader
	sum     hash.Hash
	isWhole bool
	err     error // of r, other than io.EOF
}

func (l *firstLine) Read(p []byte) (int, error) {
	if l.isWhole {
		return 0, io.EOF
	}
	if _, err := l.r.Peek(1); err != nil {
		if !errors.Is(err, io.EOF) {
			l.err = err
		}
		return 0, err
	}
	part, _ := l.r.Peek(min(l.r.Buffered(), len(p)))
	if end := bytes.IndexByte(part, '\n'); end >= 0 {
		part, l.isWhole = part[:end+1], true
	}
	n := copy(p, part)
	l.sum.Write(part)
	_, _ = l.r.Discard(n) // it is buffered
	return n, nil
}

// keyReader walks through an index, an element at a time.
type keyReader struct {
	d   *json.Decoder
	use func(key string, bytes int64)
}

// index reads the document's object.
func (k *keyReader) index() error {
	isIndex := false
	err := k.object(func(field string) error {
		switch field {
		case "type":
			var kind string
			err := k.d.Decode(&kind)
			if isIndex = kind == typeIndex; err == nil && !isIndex {
				return fmt.Errorf("%w: its type is %q, not %q", ErrDamaged, kind, typeIndex)
			}
			return err
		case "format":
			var format int
			if err := k.d.Decode(&format); err != nil || format == Format {
				return err
			}
			return &UnsupportedError{What: fmt.Sprintf("format %d", format)}
		case "segments":
			return elements(k.d, func(s *Segment) { k.name(s.Key, s.StoredBytes) })
		case "frames":
			return elements(k.d, func(*Frame) {})
		case "files":
			return array(k.d, k.file)
		case "commits":
			return elements(k.d, func(*CommitTime) {})
		case "replay":
			return k.d.Decode(new(Replay))
		}
		return &UnsupportedError{What: fmt.Sprintf("the field %q", field)}
	})
	if err == nil && !isIndex {
		return fmt.Errorf("%w: it has no type", ErrDamaged)
	}
	return err
}

// file reads one of the files.
func (k *keyReader) file() error {
	return k.object(func(field string) error {
		switch field {
		case "name":
			return k.d.Decode(new(string))
		case "from", "bytes":
			return k.d.Decode(new(int64))
		case "crc32":
			return k.d.Decode(new(uint32))
		case "extents":
			return elements(k.d, func(*Extent) {})
		case "pages":
			return elements(k.d, func(p *Pages) { k.name(p.Key, p.StoredBytes) })
		}
		return &UnsupportedError{What: fmt.Sprintf("the field %q", field)}
	})
}

func (k *keyReader) name(key string, bytes int64) {
	if key != "" {
		k.use(key, bytes)
	}
}

// object reads an object, and calls value for each of its fields.
func (k *keyReader) object(value func(field string) error) error {
	if err := k.delimiter('{'); err != nil {
		return err
	}
	for k.d.More() {
		field, err := k.d.Token()
		if err != nil {
			return err
		}
		name, _ := field.(string)
		if err := value(name); err != nil {
			return err
		}
	}
	return k.delimiter('}')
}

// array reads an array, or null, of what value reads.
func array(d *json.Decoder, value func() error) error {
	token, err := d.Token()
	if err != nil || token == nil {
		return err
	}
	if token != json.Delim('[') {
		return fmt.Errorf("%v where an array should be", token)
	}
	for d.More() {
		if err := value(); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

func (k *keyReader) delimiter(want json.Delim) error {
	token, err := k.d.Token()
	if err == nil && token != want {
		err = fmt.Errorf("%v where %q should be", token, want)
	}
	return err
}

// elements is [array] for elements of one type.
func elements[T any](d *json.Decoder, use func(*T)) error {
	return array(d, func() error {
		var element T
		err := d.Decode(&element)
		if err == nil {
			use(&element)
		}
		return err
	})
}
