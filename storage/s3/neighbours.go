package s3

import (
	"context"
	"net/http"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

var _ storage.NeighbourLister = (*Store)(nil)

// Neighbours implements [storage.NeighbourLister] with one list of a single page, and a
// Head for each prefix that it shows. A store without a prefix has those in its bucket for
// neighbours.
func (s *Store) Neighbours(ctx context.Context, key string) ([]string, error) {
	if err := driver.CheckCall(ctx, storage.OpList, key); err != nil {
		return nil, err
	}
	above := ""
	if dir := path.Dir(s.options.Prefix); s.options.Prefix != "" && dir != "." {
		above = dir + "/"
	}
	page, err := s.client.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{
		Bucket: &s.options.Bucket, Prefix: &above, Delimiter: aws.String("/"), RequestPayer: s.payer(),
	}, s.call(storage.OpList))
	if err != nil {
		return nil, fail(ctx, storage.OpList, key, err)
	}
	var found []string
	looked := 0
	for _, common := range page.CommonPrefixes {
		prefix := deref(common.Prefix)
		if prefix == s.prefix || prefix == "" || !strings.HasPrefix(prefix, above) {
			continue
		}
		if looked++; looked > storage.MaxNeighbours {
			break
		}
		_, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{
			Bucket: &s.options.Bucket, Key: aws.String(prefix + key), RequestPayer: s.payer(),
		}, s.call(storage.OpHead))
		switch {
		case err == nil:
			found = append(found, "s3://"+s.options.Bucket+"/"+strings.TrimSuffix(prefix, "/"))
		case httpStatus(err) != http.StatusNotFound && httpStatus(err) != http.StatusForbidden: // which is somebody else's
			return nil, fail(ctx, storage.OpList, key, err)
		}
	}
	return found, nil
}
