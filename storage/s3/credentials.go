package s3

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
)

// credentials are those of the environment. When the store says that they have
// expired, they are looked for again from the very beginning: a tool of the
// user's may have written new ones into a file. What says itself when it expires
// is renewed by the SDK before.
type credentials struct {
	load func(context.Context) (aws.CredentialsProvider, error)

	mu       sync.Mutex
	provider aws.CredentialsProvider
	loaded   time.Time
}

// Retrieve implements [aws.CredentialsProvider].
func (c *credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c.mu.Lock()
	provider := c.provider
	c.mu.Unlock()
	return provider.Retrieve(ctx)
}

// renew looks for other credentials than those that a request of that time was
// signed with. Of several requests that have failed with them one looks.
func (c *credentials) renew(ctx context.Context, sent time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded.After(sent) {
		return nil
	}
	provider, err := c.load(ctx)
	if err != nil {
		return err
	}
	c.provider, c.loaded = provider, time.Now()
	return nil
}

// aboutCredentials is the text of an error that may be about credentials. That of
// a program that gives them quotes what the program has said, secrets and all.
func aboutCredentials(err error) string {
	if process, ok := errors.AsType[*processcreds.ProviderError](err); ok {
		if exit, ok := errors.AsType[*exec.ExitError](process); ok {
			return "credential_process has failed: " + exit.Error()
		}
		return "credential_process has not given credentials"
	}
	return err.Error()
}

var errStillExpired = errors.New("the credentials have expired, and there are no others")

// isExpired tells that the store has refused the credentials of a request
// because of their age: it was not applied, and may be sent again with others.
// A Head has only the status.
func isExpired(err error) bool {
	switch errorCode(err) {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired":
		return true
	case "BadRequest":
		return httpStatus(err) == http.StatusBadRequest
	}
	return false
}
