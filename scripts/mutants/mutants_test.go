package main

import "testing"

// Every mutant still fits the code: its text stands there, once, and is changed.
func TestMutantsApply(t *testing.T) {
	names := map[string]bool{}
	for _, m := range all() {
		if names[m.name] || m.old == m.new || m.pkg == "" || m.tests == "" {
			t.Errorf("%s: a double name, or nothing to do", m.name)
		}
		names[m.name] = true
		if _, err := m.apply("../.."); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	if len(all()) < 20 {
		t.Errorf("%d mutants are too few", len(all()))
	}
}
