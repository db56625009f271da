package picture

import "unicode/utf8"

// label is a text on the axis. It takes the room from left to right, in shares of the width.
type label struct {
	text, anchor string
	at, dx       float64 // of the anchor: a share of the width, and em from there
	left, right  float64
	isDate       bool
}

// Of the narrowest screen, 320 px wide, a letter takes this share of the picture's width, which is narrowest em.
const (
	letter    = 0.032
	narrowest = 18.0
)

// apart is the least distance between two labels there.
const apart = 0.012

// newLabel returns the label of a mark, in the middle below it. One that would be cut off begins so far
// to the left of its mark as the narrowest screen has room.
func newLabel(text string, at float64) label {
	width := letter * float64(utf8.RuneCountInString(text))
	l := label{text: text, anchor: "middle", at: at, left: at - width/2, right: at + width/2}
	if l.left < 0 {
		l.anchor, l.dx, l.left, l.right = "start", -at*narrowest, 0, width
	}
	return l
}

// labels returns the labels of these marks and of the right end, none of which lies on another. Where two
// would, a date stays rather than a time of day, and the end's label always.
func (s scale) labels(marks []mark) []label {
	end := newLabel(s.end(), 1)
	end.anchor, end.left, end.right = "end", 1-(end.right-end.left), 1
	var all []label
	for _, m := range marks {
		l := newLabel(m.label, s.at(m.at))
		l.isDate = m.isDate
		if l.right+apart > end.left {
			break
		}
		if last := len(all) - 1; last >= 0 && all[last].right+apart > l.left {
			if all[last].isDate || !l.isDate {
				continue
			}
			all = all[:last]
		}
		all = append(all, l)
	}
	return append(all, end)
}
