package doctest

import (
	"fmt"
	"strings"
)

// prologue is what every script begins with. $OUT/NNN.got and .want are what a command of a
// console block has printed, and what the page says that it prints.
const prologue = `#!/usr/bin/env bash
# Made of a page of the documentation: see internal/doctest.
set -euo pipefail
: "${OUT:=$(mktemp -d)}" "${REPO:?names the folder of the repository}"
export REPO
exec 3>&1
doc_names=() doc_values=() doc_text='' doc_got='' doc_at=''
doc_step() { doc_at=$1 doc_got=''; printf '== %s\n' "$doc_at"; }
doc_stands() { doc_names+=("$1") doc_values+=("$2"); }
# doc_read sets $doc_text to what a text of the page means here. Later names come first.
doc_read() {
  local i
  doc_text=$1
  for ((i = ${#doc_names[@]} - 1; i >= 0; i--)); do doc_text=${doc_text//"${doc_names[i]}"/"${doc_values[i]}"}; done
}
doc_end() {
  local code=$? jobs
  trap - EXIT
  exec >&3 2>&1
  jobs=$(jobs -p)
  # shellcheck disable=SC2086
  [[ ! $jobs ]] || { kill $jobs || true; wait $jobs || true; } 2>/dev/null
  ((code == 0)) || { [[ ! $doc_got ]] || cat "$doc_got"; echo "$doc_at: exit code $code"; }
  exit "$code"
}
trap doc_end EXIT
doc_ends_with() { (($1 == $2)) || { echo "exit code $2, and the page says $1"; exit 1; }; }
`

// inBackground is the step of a command in the background. It ends once that has its own traps: a shell that is
// ended before then does at its end what the page does at its own.
const inBackground = `(trap - EXIT; : >"$OUT/%03[1]d.began"; eval "exec $doc_text") >"$OUT/%03[1]d.log" 2>&1 &
until [[ -e $OUT/%03[1]d.began ]]; do sleep 0.01; done
`

// quote makes a word of the shell of a text.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// Script returns a script for bash that does what the page says in the folder in which it is
// started. Its environment has REPO, the folder of the repository, and may have OUT, a folder
// for what is to be compared. It stops at the first step that fails, and says which.
func (p *Page) Script() string {
	var b strings.Builder
	b.WriteString(prologue)
	for i, s := range p.Steps {
		fmt.Fprintf(&b, "\ndoc_step %s\n", quote(fmt.Sprintf("%s:%d", p.Name, s.Line)))
		if s.Kind == StandsFor {
			fmt.Fprintf(&b, "doc_stands %s \"%s\"\n", quote(s.Name), s.Text)
			continue
		}
		fmt.Fprintf(&b, "doc_read %s\n", quote(s.Text))
		switch s.Kind {
		case File:
			fmt.Fprintf(&b, "mkdir -p \"$(dirname %[1]s)\"\nprintf %%s \"$doc_text\" >%[1]s\n", quote(s.Name))
		case Background:
			fmt.Fprintf(&b, inBackground, i)
		case Command:
			fmt.Fprintf(&b, "doc_got=$OUT/%03d.got\n%s\ndoc_read %s\nprintf %%s \"$doc_text\" >\"$OUT/%03d.want\"\n",
				i, evaluate(s.Exit, ` >"$doc_got" 2>&1`), quote(s.Want), i)
		default:
			b.WriteString(evaluate(s.Exit, "") + "\n")
		}
	}
	return b.String()
}

// evaluate returns code that runs $doc_text, which must end with the exit code. It runs in a shell
// of its own only if that is not 0: otherwise it may set variables and change the folder.
func evaluate(exit int, redirect string) string {
	if exit == 0 {
		return `{ eval "$doc_text"; }` + redirect
	}
	return fmt.Sprintf(`set +e; (set -e; eval "$doc_text")%s; doc_code=$?; set -e; doc_ends_with %d "$doc_code"`, redirect, exit)
}
