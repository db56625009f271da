package s3

import (
	"context"
	"log/slog"
	"sync/atomic"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// Client is a connection to one bucket, for any number of stores in it: their credentials
// are looked for once, and they share connections and what answers have shown of the
// bucket. All methods may be called concurrently.
type Client struct{ *connection }

// connection is what the stores of a [Client] have in common.
type connection struct {
	options     Options // timeouts with their defaults; without a prefix
	client      *awss3.Client
	closer      func()
	log         *slog.Logger
	credentials *credentials

	// checksum: send and ask for x-amz-checksum-sha256. The first answer that requires
	// one sets it, too.
	checksum atomic.Bool

	// answered is set by the first answer of any kind.
	answered atomic.Bool

	// bucketSeen is set by the first answer that proves that the bucket exists: the 404
	// of a Head, which has no body, does not say what is missing.
	bucketSeen atomic.Bool

	// noBatches is set by the first answer of a store that does not know DeleteObjects.
	noBatches atomic.Bool
}

// Dial returns a client of the bucket that o names, whatever the prefix. Like [Open], it
// sends nothing to the store.
func Dial(ctx context.Context, o Options) (*Client, error) {
	o.Prefix = ""
	if err := o.check(); err != nil {
		return nil, err
	}
	c, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	return &Client{c}, nil
}

// Store returns the store below a prefix of the bucket, see [Options].Prefix. It sends
// nothing. A prefix that cannot be one is an [*AddressError].
func (c *Client) Store(prefix string) (*Store, error) {
	o := c.options
	o.Prefix = prefix
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Store{connection: c.connection, options: o}
	if o.Prefix != "" {
		s.prefix = o.Prefix + "/"
	}
	return s, nil
}

// CloseIdleConnections closes connections that no call is using. Without it they are
// closed after 90 s. Other stores of the same [Client] share them.
func (c *connection) CloseIdleConnections() { c.closer() }
