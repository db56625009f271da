// Command doctest prints the script of a page of the documentation: what its shell blocks do,
// in order. See internal/doctest for how a page says what is run.
//
//	go run ./tools/doctest docs/systemd.md >script && cd "$(mktemp -d)" && REPO=... bash script
package main

import (
	"fmt"
	"os"

	"github.com/gbak-s3/gbak-s3/internal/doctest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "doctest:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: doctest PAGE.md")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	page, err := doctest.Parse(args[0], string(text))
	if err != nil {
		return err
	}
	_, err = fmt.Print(page.Script())
	return err
}
