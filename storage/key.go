package storage

import "strings"

// MaxKeyLength is the length of the longest key in bytes. S3 allows 1,024 for prefix
// and key together; half of that leaves room for a prefix.
const MaxKeyLength = 512

// CheckKey returns [ErrInvalidKey] unless key is a valid one: elements of a-z, A-Z, 0-9,
// '.', '_' and '-', each beginning with a letter or digit and at most 255 bytes long,
// joined by '/', at most [MaxKeyLength] bytes in all. Such names mean the same in every
// store and on every file system, as long as no two of them differ only in case: whether
// those are the same object is undefined. Names that begin with a dot are left to the
// backends.
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

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
