package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/errno"
)

// unixPrefix begins the address of a socket in the file system.
const unixPrefix = "unix:"

// maxConnections bounds how many connections are open, so that nobody uses up the process's files.
const maxConnections = 64

// socketMode lets the user and the group of the process connect.
const socketMode = 0o660

// listen listens at an address: HOST:PORT, or unix:PATH.
func listen(address string) (net.Listener, error) {
	var config net.ListenConfig
	path, isUnix := strings.CutPrefix(address, unixPrefix)
	if !isUnix {
		l, err := config.Listen(context.Background(), "tcp", address)
		if err != nil {
			return nil, err
		}
		return limit(l, maxConnections), nil
	}
	if err := removeLeftover(path); err != nil {
		return nil, err
	}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return limit(l, maxConnections), nil
}

// removeLeftover removes a socket that a killed process has left: one at which nobody answers.
func removeLeftover(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there, and is no socket", path)
	}
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(context.Background(), "unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("somebody else answers at %s", path), conn.Close())
	}
	if !errno.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// limited is a listener with at most so many connections.
type limited struct {
	net.Listener

	slots chan struct{} // one for each connection that is open
	done  chan struct{} // closed when the listener is
	once  sync.Once
}

func limit(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, slots: make(chan struct{}, n), done: make(chan struct{})}
}

// Accept waits until a connection more may be open, and for one.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &counted{Conn: conn, gives: func() { <-l.slots }}, nil
}

// Close ends Accept, too.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// counted is a connection that gives its slot back.
type counted struct {
	net.Conn

	once  sync.Once
	gives func()
}

// Close closes the connection.
func (c *counted) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.gives)
	return err
}
