package s3

import (
	"context"
	"net/http"
	"strings"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gbak-s3/gbak-s3/storage"
)

var (
	_ storage.Inspector = (*Store)(nil)
	_ storage.Locker    = (*Store)(nil)
)

// Inspect implements [storage.Inspector]: it reads the bucket's versioning, object lock
// and lifecycle rules. Each needs a permission of its own, which a backup does not
// need.
func (s *Store) Inspect(ctx context.Context) storage.StoreInfo {
	var info storage.StoreInfo
	for _, setting := range []struct {
		name string
		read func(context.Context, *storage.StoreInfo) error
	}{{"versioning", s.readVersioning}, {"object lock", s.readObjectLock}, {"lifecycle rules", s.readLifecycle}} {
		if err := setting.read(ctx, &info); err != nil {
			info.Unreadable = append(info.Unreadable, storage.UnreadableSetting{Name: setting.name, Err: explainSetting(err)})
		}
	}
	return info
}

// explainSetting is [explain] for a setting, whose name is said elsewhere.
func explainSetting(err error) error {
	f := &failure{text: describe(err), err: err}
	switch status, code := httpStatus(err), errorCode(err); {
	case status == http.StatusNotImplemented || code == "NotImplemented":
		f.text = "the store has no such request, so it does not tell"
	case isDenied(status, code):
		f.sentinel = storage.ErrPermission
	}
	return f
}

func (s *Store) readVersioning(ctx context.Context, info *storage.StoreInfo) error {
	out, err := s.client.GetBucketVersioning(ctx, &awss3.GetBucketVersioningInput{Bucket: &s.options.Bucket}, s.call(storage.OpGet))
	if err != nil {
		return err
	}
	switch out.Status {
	case types.BucketVersioningStatusEnabled:
		info.Versioning = storage.VersioningOn
	case types.BucketVersioningStatusSuspended:
		info.Versioning = storage.VersioningSuspended
	default:
		info.Versioning = storage.VersioningOff
	}
	return nil
}

func (s *Store) readObjectLock(ctx context.Context, info *storage.StoreInfo) error {
	input := &awss3.GetObjectLockConfigurationInput{Bucket: &s.options.Bucket}
	out, err := s.client.GetObjectLockConfiguration(ctx, input, s.call(storage.OpGet))
	if err != nil && httpStatus(err) != http.StatusNotFound {
		return err
	}
	info.ObjectLock = &storage.ObjectLock{}
	if err != nil {
		return nil //nolint:nilerr // 404: the bucket has none
	}
	c := out.ObjectLockConfiguration
	if c == nil || c.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return nil
	}
	info.ObjectLock.Enabled = true
	if s.options.Checksum == "" || s.options.Checksum == ChecksumAuto {
		s.checksum.Store(true) // AWS demands one then, and others know it
	}
	if c.Rule != nil && c.Rule.DefaultRetention != nil {
		r := c.Rule.DefaultRetention
		info.ObjectLock.Retention = &storage.Retention{
			Mode: storage.RetentionMode(r.Mode), Days: int(deref(r.Days)), Years: int(deref(r.Years)),
		}
	}
	return nil
}

// ReadObjectLock implements [storage.Locker].
func (s *Store) ReadObjectLock(ctx context.Context) (storage.ObjectLock, error) {
	var info storage.StoreInfo
	if err := s.readObjectLock(ctx, &info); err != nil {
		return storage.ObjectLock{}, fail(ctx, storage.OpGet, "", err)
	}
	return *info.ObjectLock, nil
}

func (s *Store) readLifecycle(ctx context.Context, info *storage.StoreInfo) error {
	input := &awss3.GetBucketLifecycleConfigurationInput{Bucket: &s.options.Bucket}
	out, err := s.client.GetBucketLifecycleConfiguration(ctx, input, s.call(storage.OpGet))
	if httpStatus(err) == http.StatusNotFound {
		return nil // there are none
	}
	if err != nil {
		return err
	}
	for i := range out.Rules {
		s.addRule(info, &out.Rules[i])
	}
	return nil
}

// addRule notes what a lifecycle rule does to objects of this store. Rules for
// noncurrent versions and multipart uploads do nothing to them.
func (s *Store) addRule(info *storage.StoreInfo, r *types.LifecycleRule) {
	prefix := deref(r.Prefix) //nolint:staticcheck // deprecated, and still in use
	if f := r.Filter; f != nil {
		switch {
		case f.Prefix != nil:
			prefix = *f.Prefix
		case f.And != nil:
			prefix = deref(f.And.Prefix)
		}
	}
	// It may concern a part of this store's objects, or others as well.
	if r.Status != types.ExpirationStatusEnabled || !strings.HasPrefix(prefix, s.prefix) && !strings.HasPrefix(s.prefix, prefix) {
		return
	}
	rule := storage.LifecycleRule{ID: deref(r.ID), Prefix: prefix}
	if e := r.Expiration; e != nil && (e.Days != nil || e.Date != nil) { // else it is about delete markers
		rule := rule
		rule.Days, rule.Date = int(deref(e.Days)), deref(e.Date)
		info.Expirations = append(info.Expirations, rule)
	}
	for _, t := range r.Transitions {
		rule := rule
		rule.Days, rule.Date, rule.StorageClass = int(deref(t.Days)), deref(t.Date), string(t.StorageClass)
		info.Transitions = append(info.Transitions, rule)
	}
}
