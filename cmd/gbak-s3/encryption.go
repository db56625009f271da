package main

import "github.com/gbak-s3/gbak-s3/archiver"

// encryptionLine is how an archive is encrypted, in JSON.
type encryptionLine struct {
	Scheme     string   `json:"scheme"` // "age" or "none"
	Recipients []string `json:"recipients"`
	Generation int      `json:"generation"` // of the keys, from 1; 0 without encryption
}

func lineOfEncryption(e *archiver.Encryption) *encryptionLine {
	if e == nil {
		return &encryptionLine{Scheme: "none", Recipients: []string{}}
	}
	return &encryptionLine{"age", e.Recipients, e.Generation}
}

// encryption says how an archive is encrypted.
func encryption(e *archiver.Encryption) string {
	if e == nil {
		return "none"
	}
	return e.String()
}

// linesOfFirst is what whoever makes an encrypted archive has to know.
func linesOfFirst(e *archiver.Encryption, address string) []string {
	if e == nil {
		return nil
	}
	lines := []string{"the archive is encrypted (" + encryption(e) + "): without an identity of one of these nobody can restore, this host included"}
	if len(e.Recipients) == 1 {
		lines = append(lines, "there is one recipient, and so no second key in an emergency; to add one that is kept elsewhere:",
			"  "+self()+" keys add -i IDENTITY -r PUBLIC_KEY "+quote(absolute(address)))
	}
	if e.WriterKey != "" {
		lines = append(lines, "this host needs its writer key for the next backup, which opens no data: "+e.WriterKey)
	}
	return append(lines, "to make sure now that an identity opens it:", "  "+self()+" keys check -i IDENTITY "+quote(absolute(address)))
}
