package storage

import "strings"

// MaxKeyLength is the longest key in bytes. S3 allows 1,024 for prefix and key
// together; half of it leaves room for any prefix.
const MaxKeyLength = 512

// CheckKey tells whether key is one: elements of a-z, 0-9, '.', '_' and '-'
// that begin with a letter or digit, each at most 255 bytes, joined by '/', at
// most [MaxKeyLength] bytes together. Such names mean the same in every store
// and on every file system, and leave names that begin with a dot to the
// backends. Any other key is [ErrInvalidKey].
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyLength {
		return ErrInvalidKey
	}
	for element := range strings.SplitSeq(key, "/") {
		if element == "" || len(element) > 255 || !isAlphanumeric(element[0]) {
			return ErrInvalidKey
		}
		for i := range len(element) {
			if c := element[i]; !isAlphanumeric(c) && c != '.' && c != '_' && c != '-' {
				return ErrInvalidKey
			}
		}
	}
	return nil
}

// IsKeyPrefix tells whether there are keys that begin with prefix.
func IsKeyPrefix(prefix string) bool {
	return prefix == "" || CheckKey(strings.TrimSuffix(prefix, "/")) == nil
}

func isAlphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
