package s3

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
)

func policyText(t *testing.T, address string, p storage.Permissions, dialect PolicyDialect) string {
	t.Helper()
	o, err := ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := o.Policy(p, dialect)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPolicies(t *testing.T) {
	some := storage.Permissions{List: true, Read: []string{"archive.json", "manifests/"}, Create: []string{""}}
	all := storage.Permissions{List: true, Versions: true, Read: []string{""}, Create: []string{"manifests/"}, Delete: []string{""}, Settings: true}
	for name, c := range map[string]struct {
		address string
		needs   storage.Permissions
		dialect PolicyDialect
		want    string
	}{
		"AWS": {
			"s3://b-b-b/team/people", some, PolicyAWS,
			`{"Version":"2012-10-17","Statement":[` +
				`{"Sid":"List","Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::b-b-b"],"Condition":{"StringLikeIfExists":{"s3:prefix":["team/people/*"]}}},` +
				`{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::b-b-b/team/people/archive.json","arn:aws:s3:::b-b-b/team/people/manifests/*"]},` +
				`{"Sid":"Create","Effect":"Allow","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::b-b-b/team/people/*"],"Condition":{"Null":{"s3:if-none-match":"false"}}}]}`,
		},
		"MinIO": {
			"s3://b-b-b/people", all, PolicyMinIO,
			`{"Version":"2012-10-17","Statement":[` +
				`{"Sid":"List","Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketVersions"],"Resource":["arn:aws:s3:::b-b-b"],"Condition":{"StringLike":{"s3:prefix":["people/*"]}}},` +
				`{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion","s3:GetObjectRetention"],"Resource":["arn:aws:s3:::b-b-b/people/*"]},` +
				`{"Sid":"Create","Effect":"Allow","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::b-b-b/people/manifests/*"],"Condition":{"StringEquals":{"s3:versionid":[""]}}},` +
				`{"Sid":"Delete","Effect":"Allow","Action":["s3:DeleteObject","s3:DeleteObjectVersion"],"Resource":["arn:aws:s3:::b-b-b/people/*"]},` +
				`{"Sid":"ReadSettings","Effect":"Allow","Action":["s3:GetBucketVersioning","s3:GetBucketObjectLockConfiguration","s3:GetLifecycleConfiguration"],"Resource":["arn:aws:s3:::b-b-b"]}]}`,
		},
		"a whole bucket": {
			"s3://b-b-b?region=us-gov-west-1", storage.Permissions{List: true, Read: []string{""}}, PolicyAWS,
			`{"Version":"2012-10-17","Statement":[` +
				`{"Sid":"List","Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws-us-gov:s3:::b-b-b"]},` +
				`{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws-us-gov:s3:::b-b-b/*"]}]}`,
		},
		"nothing": {"s3://b-b-b", storage.Permissions{}, PolicyAWS, `{"Version":"2012-10-17","Statement":null}`},
	} {
		if got := policyText(t, c.address, c.needs, c.dialect); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, c.want)
		}
	}
	for prefix, ok := range map[string]bool{"a": true, "ä b": true, "a*": false, "a?": false, "${a}": false} {
		_, err := Options{Bucket: "b-b-b", Prefix: prefix}.Policy(some, PolicyAWS)
		var wrong *AddressError
		if ok != (err == nil) || !ok && !errors.As(err, &wrong) {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

// Keys of KMS are named as policies name them, and a bucket's policy is not about them.
func TestPoliciesOfKeys(t *testing.T) {
	reads, writes := storage.Permissions{Read: []string{""}}, storage.Permissions{Create: []string{""}}
	for id, want := range map[string]string{
		"1-2-3":                               `"Resource":["arn:aws:kms:*:*:key/1-2-3"]`,
		"arn:aws:kms:eu-west-1:1:key/1-2-3":   `"Resource":["arn:aws:kms:eu-west-1:1:key/1-2-3"]`,
		"alias/backups":                       `"Resource":["arn:aws:kms:*:*:key/*"],"Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":["alias/backups"]}}`,
		"arn:aws:kms:eu-west-1:1:alias/other": `{"kms:ResourceAliases":["alias/other"]}`,
	} {
		address := "s3://b-b-b/p?sse=aws:kms&kms_key_id=" + id
		if got := policyText(t, address, reads, PolicyAWS); !strings.Contains(got, want) || !strings.Contains(got, `["kms:Decrypt"]`) {
			t.Errorf("%s: %s", id, got)
		}
		if got := policyText(t, address, writes, PolicyAWS); !strings.Contains(got, `["kms:Decrypt","kms:GenerateDataKey"]`) {
			t.Errorf("%s: %s", id, got)
		}
	}
	p, err := Options{Bucket: "b-b-b", SSE: "aws:kms", KMSKeyID: "1"}.Policy(reads, PolicyAWS)
	if err != nil || len(p.Statement) != 2 {
		t.Fatal(p, err)
	}
	of := p.ForBucket("arn:aws:iam::1:user/a")
	if len(of.Statement) != 1 || of.Statement[0].Principal["AWS"] != "arn:aws:iam::1:user/a" || p.Statement[0].Principal != nil {
		t.Errorf("%+v of %+v", of, p)
	}
}

func TestDialects(t *testing.T) {
	for endpoint, want := range map[string]PolicyDialect{
		"": PolicyAWS, "https://s3.eu-west-1.amazonaws.com": PolicyAWS, "http://127.0.0.1:9000": PolicyMinIO,
	} {
		if got := (Options{Endpoint: endpoint}).Dialect(); got != want {
			t.Errorf("%q: %s", endpoint, got)
		}
	}
}
