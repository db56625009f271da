package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

var _ storage.VersionDeleter = (*Store)(nil)

// addMarkers adds the markers of a page to its versions, behind those of their key.
func (s *Store) addMarkers(versions []version, markers []types.DeleteMarkerEntry, prefix, after string) []version {
	for i := range markers {
		m := &markers[i]
		key, ours := strings.CutPrefix(deref(m.Key), s.prefix)
		if ours && strings.HasPrefix(key, prefix) && key > after && storage.CheckKey(key) == nil {
			versions = append(versions, version{key: key, id: deref(m.VersionId), modTime: deref(m.LastModified), marker: true})
		}
	}
	if len(markers) > 0 {
		slices.SortStableFunc(versions, func(a, b version) int { return cmp.Compare(a.key, b.key) })
	}
	return versions
}

// KeepsVersions implements [storage.VersionDeleter].
func (s *Store) KeepsVersions(ctx context.Context) (bool, error) {
	if ctx.Err() != nil {
		return false, &storage.Error{Op: storage.OpGet, Err: context.Cause(ctx)}
	}
	var info storage.StoreInfo
	if err := s.readVersioning(ctx, &info); err != nil {
		return false, fail(ctx, storage.OpGet, "", err)
	}
	return info.Versioning != storage.VersioningOff, nil
}

// ListVersions implements [storage.VersionDeleter].
func (s *Store) ListVersions(ctx context.Context, prefix string) iter.Seq2[storage.ObjectVersion, error] {
	return func(yield func(storage.ObjectVersion, error) bool) {
		if err := driver.CheckCall(ctx, storage.OpList, prefix); err != nil {
			yield(storage.ObjectVersion{}, err)
			return
		}
		err := s.listVersions(ctx, prefix, "", func(page []version) error {
			for _, v := range page {
				found := storage.ObjectVersion{VersionID: storage.VersionID{Key: v.key, ID: v.id}, Size: v.size, ModTime: v.modTime, IsMarker: v.marker}
				if !yield(found, nil) {
					return errStopped
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(storage.ObjectVersion{}, fail(ctx, storage.OpList, prefix, err))
		}
	}
}

// DeleteVersions implements [storage.VersionDeleter] with one DeleteObjects.
func (s *Store) DeleteVersions(ctx context.Context, versions []storage.VersionID) (map[storage.VersionID]error, error) {
	keys := make([]string, len(versions))
	objects := make([]types.ObjectIdentifier, len(versions))
	kept := map[storage.VersionID]error{}
	for i, v := range versions {
		keys[i] = v.Key
		objects[i] = types.ObjectIdentifier{Key: s.objectKey(v.Key), VersionId: aws.String(v.ID)}
		kept[v] = &storage.Error{Op: storage.OpDelete, Key: v.Key, Err: errUnmentioned}
	}
	if err := storage.CheckDeleteAll(ctx, keys); err != nil || len(versions) == 0 {
		return nil, err
	}
	if err := s.refuseWrite(storage.OpDelete, keys[0]); err != nil {
		return nil, err
	}
	r := &retrier{store: s, began: time.Now()}
	out, err := s.client.DeleteObjects(ctx, &awss3.DeleteObjectsInput{
		Bucket: &s.options.Bucket, Delete: &types.Delete{Objects: objects}, RequestPayer: s.payer(),
	}, s.callWith(storage.OpDelete, r), withMD5)
	if err != nil {
		return nil, fail(ctx, storage.OpDelete, keys[0], err)
	}
	for _, d := range out.Deleted {
		delete(kept, s.versionID(d.Key, d.VersionId))
	}
	for _, e := range out.Errors {
		v := s.versionID(e.Key, e.VersionId)
		if _, asked := kept[v]; !asked {
			continue
		}
		if code := deref(e.Code); code == "NoSuchKey" || code == "NoSuchVersion" {
			delete(kept, v)
			continue
		}
		kept[v] = &storage.Error{Op: storage.OpDelete, Key: v.Key, Err: explainVersion(deref(e.Code), deref(e.Message))}
	}
	return kept, nil
}

func (s *Store) versionID(key, id *string) storage.VersionID {
	return storage.VersionID{Key: strings.TrimPrefix(deref(key), s.prefix), ID: deref(id)}
}

// explainVersion is [explainKey] for a version, which may be locked. MinIO calls that an
// invalid request, and AWS a denied one.
func explainVersion(code, message string) error {
	said := strings.ToLower(message)
	if code == "ObjectLocked" || strings.Contains(said, "worm") || strings.Contains(said, "object lock") || strings.Contains(said, "retention") {
		return &failure{fmt.Sprintf("%v: %s", storage.ErrLocked, message), storage.ErrLocked, storage.ErrLocked}
	}
	return explainKey(code, message)
}
