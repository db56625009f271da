package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Concurrent calls beyond this number open connections that are closed after one
// request.
const idleConnections = 64

// Open returns the store that o names, with a [Client] of its own. It sends nothing to
// the store, but may ask for credentials where these come from a server; ctx is only for
// that. Errors about o itself are [*AddressError]; missing credentials are
// [storage.ErrPermission].
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c, err := Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	return c.Store(o.Prefix)
}

// connect makes the connection of a client that o names.
func connect(ctx context.Context, o Options) (*connection, error) {
	o.Timeouts = o.Timeouts.withDefaults()
	cfg, err := loadConfig(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open s3 store: %w", err)
	}
	found, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("open s3 store: %w", context.Cause(ctx))
		}
		return nil, fmt.Errorf("open s3 store: %w", &failure{
			text: fmt.Sprintf("no AWS credentials, %s: %v", credentialsHint, aboutCredentials(err)), sentinel: storage.ErrPermission, err: err,
		})
	}
	if err := checkCredentials(found); err != nil {
		return nil, fmt.Errorf("open s3 store: %w", err)
	}
	transport, err := newTransport(cfg, o.Timeouts)
	if err != nil {
		return nil, fmt.Errorf("open s3 store: %w", err)
	}
	c := &connection{options: o, closer: transport.CloseIdleConnections, log: o.Logger}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.credentials = &credentials{
		provider: cfg.Credentials,
		load: func(ctx context.Context) (aws.CredentialsProvider, error) {
			cfg, err := loadConfig(ctx, o)
			return cfg.Credentials, err
		},
	}
	cfg.Credentials = c.credentials
	c.client = awss3.NewFromConfig(cfg, func(so *awss3.Options) { configure(so, o, transport) })
	resolved := c.client.Options()
	if resolved.Region == "" {
		return nil, addressErrorf("the region is unknown; add region=name, or set AWS_REGION or a profile")
	}
	if !regionName.MatchString(resolved.Region) {
		return nil, addressErrorf("the region has white space or another character that no region has; " +
			"it comes from region=, AWS_REGION or a profile")
	}
	if err := checkEndpoint(deref(resolved.BaseEndpoint)); err != nil {
		return nil, fmt.Errorf("%w (it comes from AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 or a profile)", err)
	}
	c.checksum.Store(o.Checksum == ChecksumSHA256 || o.Checksum != ChecksumNone && isAWS(resolved.BaseEndpoint))
	return c, nil
}

// loadConfig reads environment and shared files as all AWS tools do.
func loadConfig(ctx context.Context, o Options) (aws.Config, error) {
	// A BuildableClient and not an http.Client: with one of those AWS_CA_BUNDLE and
	// CAFile are an error.
	client := awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) { d.Timeout = o.Timeouts.Dial })
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithAppID("gbak-s3"),
		config.WithLogger(logging.Nop{}), // it would write to stderr
		// The defaults send aws-chunked trailers, which many stores reject, and do not
		// check ranges. Our own hashes do.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	}
	if o.Region != "" {
		options = append(options, config.WithRegion(o.Region))
	}
	if o.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(o.Profile))
	}
	if o.CAFile != "" {
		certificates, err := os.ReadFile(o.CAFile)
		if err != nil {
			return aws.Config{}, err
		}
		options = append(options, config.WithCustomCABundle(bytes.NewReader(certificates)))
	}
	return config.LoadDefaultConfig(ctx, options...)
}

// configure sets what the environment must not decide. When it is called, so has the
// endpoint and the region of the environment and the profile.
func configure(so *awss3.Options, o Options, transport *http.Transport) {
	if o.Endpoint != "" {
		so.BaseEndpoint = &o.Endpoint
	}
	custom := so.BaseEndpoint != nil
	if custom && !strings.Contains(*so.BaseEndpoint, "://") {
		so.BaseEndpoint = aws.String("https://" + *so.BaseEndpoint) // one from the environment
	}
	if custom && so.Region == "" {
		so.Region = "us-east-1" // the SDK wants one; most stores take any
	}
	// A host name as endpoint would get the bucket in front of it.
	so.UsePathStyle = custom
	if o.PathStyle != nil {
		so.UsePathStyle = *o.PathStyle
	}
	// A client made from the config would have a dialer of the SDK's again.
	so.HTTPClient = &http.Client{
		Transport: transport,
		// A signature is for one host: following would only hide the cause.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	so.RetryMaxAttempts = 0 // AWS_MAX_ATTEMPTS would win over what a call decides
	so.DisableLogOutputChecksumValidationSkipped = true
}

// newTransport returns a transport with the certificates of cfg, in which every wait
// has an end.
func newTransport(cfg aws.Config, timeouts Timeouts) (*http.Transport, error) {
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		return nil, errors.New("the AWS configuration replaced the HTTP client")
	}
	transport := client.GetTransport()
	transport.MaxIdleConns = idleConnections
	transport.MaxIdleConnsPerHost = idleConnections
	transport.ResponseHeaderTimeout = timeouts.Answer
	dial := client.GetDialer().DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &writeTimeoutConn{conn, timeouts.Idle}, nil
	}
	return transport, nil
}

// writeTimeoutConn ends an upload to a peer that takes no more bytes:
// ResponseHeaderTimeout starts only after the last one. (The read timeout of the SDK
// does not help: it would end slow uploads.)
type writeTimeoutConn struct {
	net.Conn
	timeout time.Duration
}

func (c *writeTimeoutConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// isAWS reports whether an endpoint is Amazon's own; nil, the default, is.
func isAWS(endpoint *string) bool {
	if endpoint == nil {
		return true
	}
	u, err := url.Parse(*endpoint)
	if err != nil {
		return false
	}
	host := "." + u.Hostname()
	return strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".amazonaws.com.cn") || strings.HasSuffix(host, ".api.aws")
}
