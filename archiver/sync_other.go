//go:build !unix

package archiver

// syncFolder does nothing: the system has no call to make names durable.
func syncFolder(string) error { return nil }
