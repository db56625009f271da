package s3

import (
	"strings"

	"github.com/gbak-s3/gbak-s3/storage"
)

// PolicyDialect is the server that a [Policy] is for: servers know different conditions.
type PolicyDialect string

// The dialects.
const (
	PolicyAWS   PolicyDialect = "aws"
	PolicyMinIO PolicyDialect = "minio"
)

// Policy is an access policy, as JSON has it: for a user or a role, or with principals, for
// a bucket.
type Policy struct {
	Version   string
	Statement []PolicyStatement
}

// PolicyStatement allows actions.
type PolicyStatement struct {
	Sid       string
	Effect    string
	Principal map[string]string `json:",omitempty"` // to whom; only in the policy of a bucket
	Action    []string
	Resource  []string
	Condition map[string]map[string]any `json:",omitempty"`
}

// policyVersion is the newest version of the language.
const policyVersion = "2012-10-17"

// Dialect returns the dialect of the server that o names, which is a guess for servers of
// others.
func (o Options) Dialect() PolicyDialect {
	if o.Endpoint == "" || isAWS(&o.Endpoint) {
		return PolicyAWS
	}
	return PolicyMinIO
}

// Policy returns the policy that permits p in the store that o names, and nothing else. It
// asks nobody. The error is an [*AddressError], if no policy can be about that store alone.
func (o Options) Policy(p storage.Permissions, dialect PolicyDialect) (*Policy, error) {
	if strings.ContainsAny(o.Prefix, "*?$") {
		return nil, addressErrorf("its prefix has *, ? or $, which mean other things in a policy: it would be about other objects, too")
	}
	b := policyBuilder{options: o, dialect: dialect, policy: &Policy{Version: policyVersion}}
	if p.List {
		b.list(p.Versions)
	}
	b.objects("Read", p.Read, nil, withVersions(p.Versions, "s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention")...)
	b.objects("Create", p.Create, b.onlyCreate(), "s3:PutObject")
	b.objects("Delete", p.Delete, nil, withVersions(p.Versions, "s3:DeleteObject", "s3:DeleteObjectVersion")...)
	const lock = "s3:GetBucketObjectLockConfiguration"
	switch {
	case p.Settings:
		b.allow("ReadSettings", []string{b.bucket()}, nil, "s3:GetBucketVersioning", lock, "s3:GetLifecycleConfiguration")
	case p.Versions:
		b.allow("ReadSettings", []string{b.bucket()}, nil, lock)
	}
	b.keys(len(p.Read) > 0, len(p.Create) > 0)
	return b.policy, nil
}

// ForBucket returns p as the policy of its bucket, which says to whom it applies.
func (p *Policy) ForBucket(principal string) *Policy {
	of := &Policy{Version: p.Version}
	for _, s := range p.Statement {
		if strings.HasPrefix(s.Action[0], "s3:") { // the others are about keys, and not the bucket
			s.Principal = map[string]string{"AWS": principal}
			of.Statement = append(of.Statement, s)
		}
	}
	return of
}

// withVersions returns the action on an object, and with versions those on them.
func withVersions(versions bool, action string, more ...string) []string {
	if !versions {
		return []string{action}
	}
	return append([]string{action}, more...)
}

type policyBuilder struct {
	options Options
	dialect PolicyDialect
	policy  *Policy
}

func (b *policyBuilder) allow(id string, resources []string, condition map[string]map[string]any, actions ...string) {
	b.policy.Statement = append(b.policy.Statement, PolicyStatement{
		Sid: id, Effect: "Allow", Action: actions, Resource: resources, Condition: condition,
	})
}

// bucket returns the bucket as policies name it.
func (b *policyBuilder) bucket() string { return "arn:" + b.partition() + ":s3:::" + b.options.Bucket }

// partition returns the part of AWS that a region is in.
func (b *policyBuilder) partition() string {
	switch region := b.options.Region; {
	case b.dialect != PolicyAWS:
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// prefix returns what the names of the store's objects begin with.
func (b *policyBuilder) prefix() string {
	if b.options.Prefix == "" {
		return ""
	}
	return b.options.Prefix + "/"
}

// list allows to list the names below the prefix.
func (b *policyBuilder) list(versions bool) {
	var condition map[string]map[string]any
	if b.options.Prefix != "" {
		like := "StringLike"
		if b.dialect == PolicyAWS {
			// AWS hides that an object is missing (403 instead of 404) from who may not list
			// the bucket, and a Head or Get has no prefix to compare.
			like = "StringLikeIfExists"
		}
		condition = map[string]map[string]any{like: {"s3:prefix": []string{b.prefix() + "*"}}}
	}
	b.allow("List", []string{b.bucket()}, condition, withVersions(versions, "s3:ListBucket", "s3:ListBucketVersions")...)
}

// objects allows actions on the objects under keys, as [storage.Permissions] has them.
func (b *policyBuilder) objects(id string, keys []string, condition map[string]map[string]any, actions ...string) {
	if len(keys) == 0 {
		return
	}
	var resources []string
	for _, key := range keys {
		name := b.bucket() + "/" + b.prefix() + key
		if key == "" || strings.HasSuffix(key, "/") {
			name += "*"
		}
		resources = append(resources, name)
	}
	b.allow(id, resources, condition, actions...)
}

// onlyCreate returns the condition that a put replaces nothing, as far as the server knows
// one. MinIO cannot demand If-None-Match, but can refuse to replace the bytes of a version.
func (b *policyBuilder) onlyCreate() map[string]map[string]any {
	if b.dialect == PolicyAWS {
		return map[string]map[string]any{"Null": {"s3:if-none-match": "false"}}
	}
	return map[string]map[string]any{"StringEquals": {"s3:versionid": []string{""}}}
}

// keys allows to use the key of KMS that the address names. The one that AWS keeps for S3
// needs no permission.
func (b *policyBuilder) keys(decrypt, encrypt bool) {
	id := b.options.KMSKeyID
	if id == "" || b.dialect != PolicyAWS || !decrypt && !encrypt {
		return
	}
	actions := []string{"kms:Decrypt"}
	if encrypt {
		actions = append(actions, "kms:GenerateDataKey")
	}
	resource, condition := "arn:"+b.partition()+":kms:*:*:key/"+id, map[string]map[string]any(nil)
	switch {
	case strings.HasPrefix(id, "arn:") && !strings.Contains(id, ":alias/"):
		resource = id
	case strings.Contains(id, "alias/"):
		resource = "arn:" + b.partition() + ":kms:*:*:key/*"
		condition = map[string]map[string]any{"ForAnyValue:StringEquals": {"kms:ResourceAliases": []string{id[strings.Index(id, "alias/"):]}}}
	}
	b.allow("UseKey", []string{resource}, condition, actions...)
}
