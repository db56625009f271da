package segment

import (
	"fmt"
	"strings"
)

// Level is how much work compression does. Frames of all levels have the same format.
type Level int

// The levels, from the fastest to the one that stores least. Their numbers must not
// change: the names of the segments of an interrupted backup depend on them.
const (
	Fastest  Level = 1
	Standard Level = 2 // called "default", as by zstd
	Better   Level = 3
	Best     Level = 4
)

var levelNames = map[Level]string{Fastest: "fastest", Standard: "default", Better: "better", Best: "best"}

// String returns the name of a level, or "invalid" for any other number.
func (l Level) String() string {
	if name, ok := levelNames[l]; ok {
		return name
	}
	return "invalid"
}

// ParseLevel returns the level of this name: fastest, default, better or best, in
// upper or lower case.
func ParseLevel(name string) (Level, error) {
	for level, n := range levelNames {
		if strings.EqualFold(name, n) {
			return level, nil
		}
	}
	return 0, fmt.Errorf("there is no compression level %q: it is one of fastest, default, better, best", name)
}
