//go:build !windows

package main

// ofWindows is what Windows says in its own way.
var ofWindows []row
