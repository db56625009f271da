// Package mirroring makes an archive that is another one, byte for byte: the same objects under
// the same keys, with the same id.
//
// # Vocabulary
//
//   - source: the archive that is mirrored. It is only read, and may grow or shrink meanwhile.
//   - target: the mirror. Nothing in it is changed or deleted, and nothing but mirroring writes
//     there until it is detached.
//   - first: a mirroring after which the target is an archive for the first time. Until
//     archive.json is there, its last object, a target is none.
//   - new: a record that the target does not have yet.
//   - needed: a record that the newest keep of the source does not rule out. What others name
//     may be deleted already.
//   - stop: the first record that is not mirrored, because something is damaged that it needs.
//   - closed: an encrypted source to which nobody here has a key. What names what cannot be
//     seen there, so nothing is mirrored of its records before everything else is whole.
//
// A target is at every moment an archive that restores, or none yet: what records name is there
// before they are, and they come in the order of their numbers. Only after a time in which
// the source has deleted what new records name, there is a moment in which the target is not
// as the source ever was; see [run.order].
//
// # What to call
//
//	to mirror what the target lacks          [Run]
//	to make an archive of a mirror           [Detach]
package mirroring
