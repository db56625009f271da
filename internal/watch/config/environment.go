package config

import (
	"fmt"
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME}, ${NAME:-text} and $$ in text. What a variable contains is
// taken as it is: a $ in it means nothing.
func expand(text string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
			continue
		case !strings.HasPrefix(after, "{"):
			return "", fmt.Errorf("a $ stands alone; write ${NAME} for a variable, and $$ for a $")
		}
		inside, rest, closed := strings.Cut(after[1:], "}")
		if !closed {
			return "", fmt.Errorf("a ${ is not closed")
		}
		name, otherwise, hasDefault := strings.Cut(inside, ":-")
		if !variableName.MatchString(name) {
			return "", fmt.Errorf("%q cannot be the name of a variable; write $$ for $", name)
		}
		value, set := lookup(name)
		switch {
		case hasDefault && value == "":
			value = otherwise
		case !set:
			return "", fmt.Errorf("the variable %s is not set; ${%s:-text} gives it a default", name, name)
		}
		b.WriteString(value)
		text = rest
	}
}
