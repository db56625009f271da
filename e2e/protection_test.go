package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// protected is what doctor says of a thief of its credentials.
type protected struct {
	Protection *struct {
		AppendOnly string   `json:"append_only"`
		Why        []string `json:"why"`
		Holes      []string `json:"holes"`
		Versioning string   `json:"versioning"`
		Lock       *struct {
			Enabled bool   `json:"enabled"`
			Mode    string `json:"mode"`
			Days    int    `json:"days"`
		} `json:"lock"`
		Left int `json:"left_objects"`
	} `json:"protection"`
}

// allowing is a policy with some actions on everything.
func allowing(actions ...string) string {
	list, _ := json.Marshal(actions) //nolint:errchkjson // strings
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + string(list) + `,"Resource":["arn:aws:s3:::*"]}]}`
}

// doctor tries what a thief would, on the real server, and says what came of it.
func TestDoctorTriesWhatAThiefWould(t *testing.T) {
	const (
		deleted, overwritten = "objects can be deleted", "objects can be overwritten"
		versions, replaced   = "versions can be deleted", "a put can replace the bytes of a version"
		afterLock            = "versions can be deleted once their lock ends"
		hidden, behind       = "deletes hide objects, whose versions stay", "puts hide objects behind newer versions"
		older, shorter       = "puts can claim to be older than what is there", "this host can shorten locks"
	)
	backup := []string{"s3:PutObject", "s3:GetObject", "s3:ListBucket"}
	for name, c := range map[string]struct {
		bucket     func(testing.TB) string
		policy     string // "" for that of append-only, "owner" for none
		verdict    string
		why, holes []string
		hint       string
		versioning string
		seesLock   bool
		leaves     bool
	}{
		"owner of a bucket without versions": {
			bucket: s3test.NewBucket, policy: "owner", verdict: "no", why: []string{deleted, overwritten}, versioning: "off", seesLock: true,
			hint: "versions, or better a lock",
		},
		"append-only without versions": {
			bucket: s3test.NewBucket, verdict: "no", why: []string{overwritten}, versioning: "off", seesLock: true, leaves: true,
		},
		"owner of a locked bucket": {
			bucket: s3test.NewLockedBucket, policy: "owner", verdict: "no", why: []string{versions, replaced}, holes: []string{hidden, behind, older, shorter},
			versioning: "on", seesLock: true, hint: "take the permissions s3:PutObjectRetention",
		},
		"append-only, locked for compliance": {
			bucket: s3test.NewCompliantBucket, verdict: "yes", holes: []string{behind, older}, versioning: "on", seesLock: true, leaves: true,
		},
		"owner, locked for compliance": {
			bucket: s3test.NewCompliantBucket, policy: "owner", verdict: "yes", holes: []string{afterLock, hidden, behind, older, shorter},
			versioning: "on", seesLock: true, leaves: true, hint: "take the permissions",
		},
		"append-only, locked for governance": { // where MinIO ends a lock for everybody
			bucket: s3test.NewLockedBucket, verdict: "no", why: []string{replaced}, holes: []string{behind, older, shorter},
			versioning: "on", seesLock: true, leaves: true, hint: "COMPLIANCE",
		},
		"who may set locks and not see them": {
			bucket: s3test.NewLockedBucket, policy: allowing(append(backup, "s3:PutObjectRetention")...), verdict: "no", why: []string{replaced},
			holes: []string{behind, older, shorter}, versioning: "on", leaves: true, hint: "take the permissions",
		},
		"who may delete": {
			bucket: s3test.NewLockedBucket, policy: allowing(append(backup, "s3:DeleteObject", "s3:DeleteObjectVersion")...), verdict: "no", why: []string{versions, replaced},
			holes: []string{hidden, behind, older, shorter}, versioning: "on", leaves: true,
		},
		"who may delete, without versions": {
			bucket: s3test.NewBucket, policy: allowing(append(backup, "s3:DeleteObject")...), verdict: "no", why: []string{deleted, overwritten}, versioning: "off",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := inBucket(t, c.bucket(t))
			owner := s3test.NewOwner(t, at.address())
			var u s3test.User
			switch c.policy {
			case "owner":
				u = owner
			case "":
				u = mode(t, at, "append-only")
			default:
				u = s3test.NewUser(t, at.address(), c.policy)
			}
			r := as(t, u, "doctor", at.address(), "--json").want(t, exitOK)
			var got protected
			if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || got.Protection == nil {
				t.Fatalf("%v: %s", err, r.stdout)
			}
			p := got.Protection
			slices.Sort(p.Holes)
			slices.Sort(p.Why)
			slices.Sort(c.holes)
			slices.Sort(c.why)
			if p.AppendOnly != c.verdict || !slices.Equal(p.Why, c.why) || !slices.Equal(p.Holes, c.holes) || p.Versioning != c.versioning || (p.Lock != nil) != c.seesLock {
				t.Errorf("%+v", p)
			}
			if p.Lock != nil && p.Lock.Enabled && (strings.Contains(name, "compliance") != (p.Lock.Mode == "COMPLIANCE") || p.Lock.Days != 1) {
				t.Errorf("%+v", p.Lock)
			}
			said := func() (check struct{ Name, Text, Hint string }) {
				var all struct {
					Checks []struct{ Name, Text, Hint string } `json:"checks"`
				}
				_ = json.Unmarshal([]byte(r.stdout), &all)
				for _, x := range all.Checks {
					if x.Name == "append_only" {
						check = x
					}
				}
				return check
			}()
			if !strings.HasPrefix(said.Text, "append-only: "+c.verdict) || !strings.Contains(said.Hint, c.hint) {
				t.Errorf("%+v", said)
			}

			l, err := owner.Client().ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(s3test.BucketOf(at.address()))})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(l.Versions) + len(l.DeleteMarkers); c.leaves != (n > 0) || c.leaves != (p.Left > 0) {
				t.Errorf("%d versions stay; it says %d", n, p.Left)
			}
		})
	}
}
