package s3

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gbak-s3/gbak-s3/storage"
)

var _ storage.Surveyor = (*Store)(nil)

// Survey implements [storage.Surveyor]: it asks for the bucket's versioning,
// object lock and lifecycle rules, for which there are permissions of their own
// that a backup does not need.
func (s *Store) Survey(ctx context.Context) storage.Surroundings {
	var found storage.Surroundings
	for _, setting := range []struct {
		name string
		ask  func(context.Context, *storage.Surroundings) error
	}{{"versioning", s.versioning}, {"object lock", s.objectLock}, {"lifecycle rules", s.lifecycle}} {
		if err := setting.ask(ctx, &found); err != nil {
			found.Unseen = append(found.Unseen, setting.name+": "+describe(err))
		}
	}
	return found
}

func (s *Store) versioning(ctx context.Context, found *storage.Surroundings) error {
	out, err := s.client.GetBucketVersioning(ctx, &awss3.GetBucketVersioningInput{Bucket: &s.options.Bucket}, s.call(storage.OpGet))
	if err != nil {
		return err
	}
	switch out.Status {
	case types.BucketVersioningStatusEnabled:
		found.Versioning = "on"
	case types.BucketVersioningStatusSuspended:
		found.Versioning = "suspended"
	default:
		found.Versioning = "off"
	}
	return nil
}

func (s *Store) objectLock(ctx context.Context, found *storage.Surroundings) error {
	out, err := s.client.GetObjectLockConfiguration(ctx, &awss3.GetObjectLockConfigurationInput{Bucket: &s.options.Bucket}, s.call(storage.OpGet))
	if httpStatus(err) == http.StatusNotFound {
		found.ObjectLock = "off"
		return nil
	}
	if err != nil {
		return err
	}
	found.ObjectLock = "off"
	c := out.ObjectLockConfiguration
	if c == nil || c.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return nil
	}
	found.ObjectLock = "on"
	if c.Rule == nil || c.Rule.DefaultRetention == nil {
		return nil
	}
	r := c.Rule.DefaultRetention
	unit, n := "days", deref(r.Days)
	if n == 0 {
		unit, n = "years", deref(r.Years)
	}
	found.ObjectLock = fmt.Sprintf("%s for %d %s", r.Mode, n, unit)
	return nil
}

func (s *Store) lifecycle(ctx context.Context, found *storage.Surroundings) error {
	out, err := s.client.GetBucketLifecycleConfiguration(ctx, &awss3.GetBucketLifecycleConfigurationInput{Bucket: &s.options.Bucket}, s.call(storage.OpGet))
	if httpStatus(err) == http.StatusNotFound {
		return nil // none
	}
	if err != nil {
		return err
	}
	for i := range out.Rules {
		s.rule(&out.Rules[i], found)
	}
	return nil
}

// rule notes what a lifecycle rule does to objects of this store. Rules for
// noncurrent versions and multipart uploads do nothing to them.
func (s *Store) rule(r *types.LifecycleRule, found *storage.Surroundings) {
	prefix := deref(r.Prefix) //nolint:staticcheck // deprecated, and still in use
	if f := r.Filter; f != nil {
		switch {
		case f.Prefix != nil:
			prefix = *f.Prefix
		case f.And != nil:
			prefix = deref(f.And.Prefix)
		}
	}
	// It may be for a part of our objects, or for more than ours.
	if r.Status != types.ExpirationStatusEnabled || !strings.HasPrefix(prefix, s.prefix) && !strings.HasPrefix(s.prefix, prefix) {
		return
	}
	name := fmt.Sprintf("rule %q for the prefix %q", deref(r.ID), prefix)
	if e := r.Expiration; e != nil {
		switch {
		case e.Days != nil:
			found.Expiry = append(found.Expiry, fmt.Sprintf("%s, after %d days", name, *e.Days))
		case e.Date != nil:
			found.Expiry = append(found.Expiry, fmt.Sprintf("%s, on %s", name, e.Date.Format("2006-01-02")))
		}
	}
	for _, t := range r.Transitions {
		found.Transitions = append(found.Transitions, fmt.Sprintf("%s, to %s after %d days", name, t.StorageClass, deref(t.Days)))
	}
}
