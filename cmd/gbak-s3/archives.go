package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// archives opens archives, as the global flags say. Those of a process share the clients
// of their buckets, memory and limits. It may be used concurrently.
type archives struct {
	app    *app
	stores stores
	memory *archiver.Memory // nil for no limit
}

// archives returns what opens archives that share memory, nil for no limit.
func (a *app) archives(memory *archiver.Memory) *archives {
	return &archives{app: a, stores: stores{timeout: a.storeTimeout, log: a.log}, memory: memory}
}

// open opens the archive at address.
func (s *archives) open(ctx context.Context, address string) (*archiver.Archive, error) {
	return s.openFor(ctx, address, s.app.log)
}

// openFor opens the archive at address, which logs to log, with the keys of the flags.
func (s *archives) openFor(ctx context.Context, address string, log *slog.Logger) (*archiver.Archive, error) {
	return s.openKeyed(ctx, address, log, &s.app.keys)
}

// openKeyed opens the archive at address, which logs to log, with the keys that flags say.
func (s *archives) openKeyed(ctx context.Context, address string, log *slog.Logger, flags *keyFlags) (*archiver.Archive, error) {
	keys, err := flags.given(ctx, log)
	if err != nil {
		return nil, err
	}
	return s.openWith(ctx, address, log, keys)
}

// openWith opens the archive at address, which logs to log, with these keys.
func (s *archives) openWith(ctx context.Context, address string, log *slog.Logger, keys archiver.Keys) (*archiver.Archive, error) {
	a := s.app
	if a.concurrency < 1 || a.concurrency > 256 {
		return nil, usage("the concurrency %d cannot be used", "Give a number between 1 and 256.", a.concurrency)
	}
	if a.storeTimeout <= 0 {
		return nil, usage("the store timeout %s cannot be used", "Give a duration such as 2m or 1h.", a.storeTimeout)
	}
	store, err := s.stores.open(ctx, address)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return archiver.New(a.limits.of(store), archiver.Options{
		Logger:       log,
		Concurrency:  a.concurrency,
		Memory:       s.memory,
		BeforeRead:   a.limits.read.limit.Wait,
		StoreTimeout: a.storeTimeout,
		Name:         named(address),
		Recover:      readsOldest(address),
		State:        stateFolder(),
		Keys:         keys,
		Tool:         "gbak-s3 " + version(),
		Host:         host,
	}), nil
}
