package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"

	"github.com/gbak-s3/gbak-s3/storage"
)

// credentials are those of the environment. When the store says that they have expired,
// they are loaded again from the very beginning: a tool of the user may have written
// new ones into a file. Credentials with an expiry time are renewed by the SDK before
// they expire.
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
	found, err := provider.Retrieve(ctx)
	if err == nil {
		err = checkCredentials(found)
	}
	return found, err
}

// SettingError says which setting cannot be right, whatever the store. It never repeats
// the value, which may be a secret.
type SettingError struct{ Problem string }

func (e *SettingError) Error() string { return e.Problem }

// Unwrap returns [storage.ErrSettings].
func (e *SettingError) Unwrap() error { return storage.ErrSettings }

// checkCredentials refuses what no store has issued. The end of a line that was pasted
// with a key would end up in a header, where the error does not come from the store.
func checkCredentials(c aws.Credentials) error {
	for _, part := range []struct{ variable, name, value string }{
		{"AWS_ACCESS_KEY_ID", "access key", c.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", "secret key", c.SecretAccessKey},
		{"AWS_SESSION_TOKEN", "session token", c.SessionToken},
	} {
		if !strings.ContainsFunc(part.value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			continue
		}
		const problem = "has white space, or another character that no key has, at its end or in it"
		if c.Source == config.CredentialsSourceName {
			return &SettingError{part.variable + " " + problem}
		}
		return &SettingError{fmt.Sprintf("the %s %s (from %s)", part.name, problem, c.Source)}
	}
	return nil
}

// renew loads credentials that are newer than those of a request that was sent at the
// time sent. Of several requests that failed with the same ones, only one loads them.
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

// aboutCredentials returns the text of an error that may be about credentials. The
// error of a credential_process quotes what the program printed, secrets and all.
func aboutCredentials(err error) string {
	if process, ok := errors.AsType[*processcreds.ProviderError](err); ok {
		if exit, ok := errors.AsType[*exec.ExitError](process); ok {
			return "credential_process failed: " + exit.Error()
		}
		return "credential_process returned no credentials"
	}
	return err.Error()
}

var errStillExpired = errors.New("the credentials have expired, and there are no others")

// isExpired reports whether the store refused a request because its credentials have
// expired: it was not applied, and may be sent again with others. A Head has only the
// status.
func isExpired(err error) bool {
	switch errorCode(err) {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired":
		return true
	case "BadRequest":
		return httpStatus(err) == http.StatusBadRequest
	}
	return false
}
