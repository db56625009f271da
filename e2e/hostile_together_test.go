package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestDifferentCommandsTogether runs every kind of command on one archive while
// backups continue, and holds begin and end: nobody fails or finds anything, and
// everything that is restored is a state that the database had.
func TestDifferentCommandsTogether(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			at, db := p.make(t), create(t, "0.6.0", "--kill", "--nodes", "50", "--commits", "2")
			must(t, "backup", db.path, at.address())
			stop := make(chan struct{})
			var others sync.WaitGroup
			// again runs a command over and over, and passes what it printed to see.
			again := func(see func(result), args func() []string) {
				others.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							if n > 2 {
								return
							}
						default:
						}
						r := gbak(t, args()...)
						if r.code != exitOK {
							t.Errorf("%s\nexit code %d: %s%s", strings.Join(r.args, " "), r.code, r.stdout, r.stderr)
							return
						}
						see(r)
					}
				})
			}
			var restored []string // by one of them, so that nobody else writes to it
			nothing := func(result) {}
			again(func(r result) { restored = append(restored, r.args[2]) }, func() []string {
				return []string{"restore", at.address(), filepath.Join(t.TempDir(), "people.grafeo")}
			})
			again(nothing, func() []string { return []string{"verify", at.address(), "--deep"} })
			again(nothing, func() []string { return []string{"status", at.address(), db.path} })
			again(nothing, func() []string { return []string{"list", at.address()} })
			again(nothing, func() []string { return []string{"release", db.path} })
			again(nothing, func() []string { return []string{"backup", db.path, at.address(), "--no-hold"} })
			for round := range 6 {
				db.write(t, "--kill", "--nodes", "20", "--commits", "2")
				args := []string{"backup", db.path, at.address()}
				if round%3 == 2 {
					args = append(args, "--full")
				}
				must(t, args...)
			}
			close(stop)
			others.Wait()
			if t.Failed() {
				return
			}
			log, err := os.ReadFile(db.log)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range restored[max(0, len(restored)-12):] {
				if s := inspect(t, db.version, path); !strings.Contains(string(log), `"`+s.Digest+`"`) {
					t.Errorf("%s is in no state that the database had: %+v", path, s)
				}
			}
			must(t, "verify", at.address(), "--deep")
			restores(t, at, db.state(t), db.version)
		})
	}
}
