package main

import "fmt"

// topic is something that is explained, such as an exit code.
type topic struct{ name, meaning string }

// exitTopics are the exit codes (docs/exit-codes.md, "Exit codes").
func exitTopics() []topic {
	code := func(exit int, meaning string) topic { return topic{fmt.Sprint(exit), meaning} }
	return []topic{
		code(exitDone, "done"),
		code(exitError, "an error without a code of its own"),
		code(exitUsage, "wrong usage"),
		code(exitDamage, "damage found"),
		code(exitNoArchive, "no archive, or no such backup"),
		code(exitUnreachable, "no such state in the archive"),
		code(exitConflict, "conflict with another writer"),
		code(exitUnknown, "the outcome of the commit is unknown: run it again"),
		code(exitExists, "the target exists"),
		code(exitUnsafeStore, "the store does not support conditional writes"),
		code(exitNeedsFull, "only a full backup would do, or the keys are not those of the archive"),
		code(exitLess, "something less than was asked for is restored"),
		code(exitInterrupted, "interrupted"),
	}
}
