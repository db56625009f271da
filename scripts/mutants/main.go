// Command mutants breaks the code on purpose, in one place at a time, and shows
// that a test notices. It changes no file: the compiler is given the broken text
// in place of the real one.
//
//	go run ./scripts/mutants [name...]
//
// It prints the table that docs/mutants.md keeps. Its exit code is 1 if a mutant
// lives, does not compile, or if the tests fail without one. Mutants of
// storage/s3 and e2e want a store: run it where scripts/minio-test.sh does, or set
// GBAK_TEST_S3_ENDPOINT.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mutant is one way to break the code: old, which stands in the file once,
// becomes new, and a test that is named here must fail.
type mutant struct {
	name     string
	file     string // from the root of the module
	old, new string
	pkg      string // whose tests notice
	tests    string // which of them: a regular expression
}

// all returns the mutants in the order of docs/promises.md.
func all() []mutant {
	return slices.Concat(mutants, inlineMutants, retentionMutants, gcMutants, compactMutants, readerMutants, removalMutants, bootMutants, sessionMutants, monitorMutants, openlogMutants, watchMutants, sealedMutants, keysMutants, copyMutants, trapMutants, sampleMutants, drillMutants, salvageMutants, mirrorMutants, terminalMutants, pageMutants, storesMutants)
}

func main() {
	failed := false
	healthy := map[string]bool{}
	fmt.Println("| What is broken | Where | Found by |\n| --- | --- | --- |")
	for _, m := range all() {
		if len(os.Args) > 1 && !slices.Contains(os.Args[1:], m.name) {
			continue
		}
		if command := m.pkg + " " + m.tests; !healthy[command] {
			if out, err := m.test(nil); err != nil || strings.Contains(out, "no tests to run") {
				fmt.Fprintf(os.Stderr, "without any mutant, %s: %v\n%s", command, err, out)
				os.Exit(1)
			}
			healthy[command] = true
		}
		killers, err := m.run()
		if err != nil {
			failed = true
			fmt.Fprintf(os.Stderr, "%s: %v\n", m.name, err)
			continue
		}
		fmt.Printf("| %s | `%s` | %s |\n", m.name, m.file, killers)
	}
	if failed {
		os.Exit(1)
	}
}

// run tests the mutant and returns the names of the tests that failed.
func (m mutant) run() (string, error) {
	broken, err := m.apply(".")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	overlay, err := m.overlay(dir, broken)
	if err != nil {
		return "", err
	}
	out, err := m.test([]string{"-overlay", overlay})
	switch {
	case err == nil:
		return "", fmt.Errorf("it lives: %s in %s notices nothing", m.tests, m.pkg)
	case strings.Contains(out, "[build failed]"), strings.Contains(out, "[setup failed]"):
		return "", fmt.Errorf("it does not compile:\n%s", out)
	}
	var killers []string
	for _, found := range failures.FindAllStringSubmatch(out, -1) {
		if name := "`" + found[1] + "`"; !slices.Contains(killers, name) {
			killers = append(killers, name)
		}
	}
	if len(killers) == 0 {
		return "", fmt.Errorf("the tests end without the name of one that failed:\n%s", out)
	}
	return strings.Join(killers, ", "), nil
}

var failures = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// apply returns the broken text of the file.
func (m mutant) apply(root string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(b), m.old); n != 1 {
		return "", fmt.Errorf("its text stands %d times in %s, not once", n, m.file)
	}
	return strings.Replace(string(b), m.old, m.new, 1), nil
}

// overlay writes what `go test -overlay` wants.
func (m mutant) overlay(dir, broken string) (string, error) {
	text, list := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	real, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]map[string]string{"Replace": {real: text}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(text, []byte(broken), 0o600); err != nil {
		return "", err
	}
	return list, os.WriteFile(list, b, 0o600)
}

func (m mutant) test(flags []string) (string, error) {
	args := append([]string{"test", "-count=1", "-timeout=10m"}, flags...)
	out, err := exec.Command("go", append(args, "-run", m.tests, m.pkg)...).CombinedOutput()
	return string(out), err
}
