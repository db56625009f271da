//go:build !linux

package main

// niced calls do. Here, processes cannot be started with a lower priority without a change of our
// own, which could not be taken back.
func niced(do func()) { do() }
