// Package copying makes an archive that is a copy of another one: with an id and numbers of
// its own, and every state that the other one has.
//
// # Vocabulary
//
//   - source: the archive that is copied. It is only read, and may grow or shrink meanwhile.
//   - target: the archive that becomes the copy. Nothing in it is changed, and nothing is
//     added to it once somebody else has written there.
//   - origin: what a record of the target says of the one that it is a copy of
//     ([manifest.CopiedFrom]). The newest record's is all that a run needs to go on where
//     another one ended.
//   - batch: backups that are copied side by side, and then committed one after the other.
//
// Segments are copied once, whichever backups share them, as they are. An index says the same
// of frames, files and commits as in the source, and names the segments by their new keys.
//
// # What to call
//
//	to copy what the target lacks            [Run]
//	what that would take                     [Plan]
//	is everything there, and the same?       [Compare]
package copying
