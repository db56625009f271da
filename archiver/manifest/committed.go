package manifest

// Committed is a manifest as it was read from the archive, or committed to it, and
// the digest of its object, which the next manifest names.
type Committed struct {
	*Manifest
	Digest Digest // of the object; zero if the manifest is only an outline of it
}

// ObjectError says what is wrong with one object of an archive.
type ObjectError struct {
	Key     string
	Problem string
}

func (e *ObjectError) Error() string { return e.Key + ": " + e.Problem }
