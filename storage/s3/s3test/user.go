package s3test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// User is somebody who may do in the store only what a policy says.
type User struct {
	key, secret, token string
	endpoint           string
}

// NewUser returns a user with a policy, in the store of a bucket that [NewBucket] has made.
func NewUser(t testing.TB, address, policy string) User {
	t.Helper()
	endpoint := endpointOf(t, address)
	client := sts.New(sts.Options{BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: ownCredentials(), HTTPClient: lonely()})
	out, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::000000000000:role/test"), RoleSessionName: aws.String("test"), Policy: &policy, // MinIO ignores the role
	})
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	return User{aws.ToString(c.AccessKeyId), aws.ToString(c.SecretAccessKey), aws.ToString(c.SessionToken), endpoint}
}

// NewOwner returns the store's owner, who may do everything.
func NewOwner(t testing.TB, address string) User {
	return User{os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), "", endpointOf(t, address)}
}

// Environ is what a process needs to act as the user, in the form of [os.Environ].
func (u User) Environ() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + u.key, "AWS_SECRET_ACCESS_KEY=" + u.secret, "AWS_SESSION_TOKEN=" + u.token}
}

// Client returns a client that acts as the user and tries once.
func (u User) Client() *s3.Client {
	return newClient(u.endpoint, credentials.NewStaticCredentialsProvider(u.key, u.secret, u.token))
}

// BucketOf returns the bucket of an address.
func BucketOf(address string) string {
	rest, _, _ := strings.Cut(strings.TrimPrefix(address, "s3://"), "?")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func newClient(endpoint string, from aws.CredentialsProvider) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1", UsePathStyle: true, Credentials: from, HTTPClient: lonely(), RetryMaxAttempts: 1,
	})
}

// lonely returns a client none of whose connections outlives its request: tests look for
// leaks.
func lonely() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}
