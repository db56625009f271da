//go:build !linux

package disk

import "os"

func openDirect(*os.File) *os.File { return nil }

func isUnfit(error) bool { return false }

func reserve(*os.File, int64, int64) error { return nil }

func startWriting(*os.File, int64, int64) {}
