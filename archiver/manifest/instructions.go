package manifest

import (
	"bytes"
	_ "embed" // of the texts
	"regexp"
)

//go:embed instructions/plain.md
var plainInstructions []byte

//go:embed instructions/encrypted.md
var encryptedInstructions []byte

// inInstructions is where the archive's id stands in the texts.
const inInstructions = "- archive: "

var idInInstructions = regexp.MustCompile(`(?m)^` + inInstructions + `([0-9a-f]{32})$`)

// Instructions returns the text that tells people how to restore from an archive, with or without
// this program. It depends on nothing else, so a verification can compare it. It is a part of the
// format: a version with another text must still accept this one. It is not a document, is never
// encrypted, and no reader needs it.
func Instructions(archiveID string, isSealed bool) []byte {
	text := plainInstructions
	if isSealed {
		text = encryptedInstructions
	}
	return bytes.Replace(text, []byte(inInstructions+"ARCHIVE_ID"), []byte(inInstructions+archiveID), 1)
}

// AreInstructions reports whether b are the instructions of some archive, encrypted or not.
func AreInstructions(b []byte, isSealed bool) bool {
	id := idInInstructions.FindSubmatch(b)
	return id != nil && bytes.Equal(b, Instructions(string(id[1]), isSealed))
}
