package local

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/internal/shared"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// List implements [storage.Storage]. Files whose names are not keys are skipped. Symbolic
// links are followed.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		if err := driver.CheckCall(ctx, storage.OpList, prefix); err != nil {
			yield(storage.ObjectInfo{}, err)
			return
		}
		driver.CountRequest(ctx, storage.OpList)
		w := walk{store: s, ctx: ctx, prefix: prefix, after: after, yield: yield}
		if err := w.walkFolder(s.root, ""); err != nil && !errors.Is(err, errStopped) {
			yield(storage.ObjectInfo{}, fail(storage.OpList, prefix, err))
		}
	}
}

// errStopped ends a walk whose caller left the loop.
var errStopped = errors.New("stopped")

type walk struct {
	store         *Store
	ctx           context.Context
	prefix, after string
	yield         func(storage.ObjectInfo, error) bool
}

// walkFolder yields the objects in the folder at path, whose keys begin with base.
func (w *walk) walkFolder(path, base string) error {
	entries, err := shared.ReadDir(path)
	if err != nil {
		if isMissing(err) {
			return nil // not made yet, or removed meanwhile
		}
		return err
	}
	for _, name := range namesInKeyOrder(path, entries) {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		key := base + name
		if sub, ok := strings.CutSuffix(name, "/"); ok {
			if w.mayContain(key) {
				err = w.walkFolder(filepath.Join(path, sub), key)
			}
		} else if key > w.after && strings.HasPrefix(key, w.prefix) {
			err = w.yieldFile(filepath.Join(path, name), key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mayContain reports whether a key that begins with base can be in the list.
func (w *walk) mayContain(base string) bool {
	return (strings.HasPrefix(base, w.prefix) || strings.HasPrefix(w.prefix, base)) &&
		(base > w.after || strings.HasPrefix(w.after, base))
}

func (w *walk) yieldFile(path, key string) error {
	stat, err := os.Stat(path)
	if err != nil {
		if isMissing(err) {
			return nil // deleted meanwhile
		}
		return err
	}
	info, err := describe(key, stat)
	if err != nil {
		return nil //nolint:nilerr // neither a file nor a folder
	}
	if err := w.store.showNames(filepath.Dir(path)); err != nil {
		return err
	}
	if !w.yield(info, nil) {
		return errStopped
	}
	return nil
}

// namesInKeyOrder returns the names in the order of their keys, folders with a slash at
// the end: "a-b" is before "a/", and "a" before both.
func namesInKeyOrder(path string, entries []fs.DirEntry) []string {
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		name := entry.Name()
		if storage.CheckKey(name) != nil {
			continue
		}
		if entry.IsDir() || entry.Type()&fs.ModeSymlink != 0 && isDir(filepath.Join(path, name)) {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
