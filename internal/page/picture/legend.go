package picture

// legend writes what the signs of the pictures mean. Those of drills and gaps are left out where
// there are none.
func (v View) legend(w *writer) {
	hasGaps, hasGood, hasBad := false, false, false
	for i := range v.History.Timelines {
		hasGaps = hasGaps || len(v.History.Timelines[i].Spans) > 1
	}
	for _, d := range v.History.Drills {
		hasGood, hasBad = hasGood || d.OK, hasBad || !d.OK
	}
	w.open("ul", "class", "pic-legend")
	v.sign(w, true, "each state can be restored", func() { w.empty("rect", "class", "pic-span", "width", "24", "height", "14") })
	v.sign(w, hasGaps, "gap: nothing can be restored", func() {
		patterns(w, v.ID+"-legend")
		w.empty("rect", "class", "pic-gap", "width", "24", "height", "14", "fill", "url(#"+v.ID+"-legend-gap)")
	})
	v.sign(w, !v.QuietUntil.IsZero(), "nothing new", func() { w.empty("rect", "class", "pic-quiet", "width", "24", "height", "14") })
	v.sign(w, !v.UnsavedSince.IsZero(), "not in the archive yet", func() {
		if !hasGaps {
			patterns(w, v.ID+"-legend")
		}
		w.empty("rect", "class", "pic-new", "width", "24", "height", "14", "fill", "url(#"+v.ID+"-legend-new)")
	})
	v.sign(w, true, "full backup", func() { w.empty("path", "class", "pic-tick", "d", "M12 2V12") })
	v.sign(w, hasGood, "drill: proven", func() { w.empty("path", "class", "pic-good", "d", "M12 1 18 7 12 13 6 7Z") })
	v.sign(w, hasBad, "drill: failed", func() { w.empty("path", "class", "pic-bad", "d", "M7 2 17 12M7 12 17 2") })
	w.close("ul")
}

// sign writes one sign, if it is shown, and what it means.
func (v View) sign(w *writer, isShown bool, means string, draw func()) {
	if !isShown {
		return
	}
	w.open("li")
	w.open("svg", "aria-hidden", "true", "width", "24", "height", "14", "viewBox", "0 0 24 14")
	draw()
	w.close("svg")
	w.text(means)
	w.close("li")
}
