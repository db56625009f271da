package server

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isRefused reports whether nobody listens at a socket.
func isRefused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
