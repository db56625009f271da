package main

// pageMutants are those of what runs the shell code of the documentation.
var pageMutants = []mutant{
	{
		"a command of a page may fail", "internal/doctest/script.go",
		"set -euo pipefail\n", "set -uo pipefail\n",
		"./internal/doctest", "TestScriptStops",
	},
	{
		"a command of a page may end with any exit code", "internal/doctest/script.go",
		"(($1 == $2)) ||", "true ||",
		"./internal/doctest", "TestScriptStops",
	},
	{
		"a block without a language is text", "internal/doctest/doctest.go",
		"case !language.MatchString(info):", "case info != \"\" && !language.MatchString(info):",
		"./internal/doctest", "TestMistakes",
	},
	{
		"a mistyped mark is a comment", "internal/doctest/doctest.go",
		"		r.fail(begin, \"no such mark: %q\", text)\n", "		_ = text\n",
		"./internal/doctest", "TestMistakes",
	},
}
