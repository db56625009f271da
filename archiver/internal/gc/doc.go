// Package gc deletes what no backup needs any more. With package probe, which deletes
// what it has written itself, it is the only room that deletes anything.
//
// # Vocabulary
//
//   - keep: the record that says which records before it are alive ([manifest.Keeping]).
//   - generation: the number at the beginning of a folder's name, that of the newest keep
//     that the run had seen which wrote the objects in it.
//   - living: a record that is alive as of the keep that is looked at, or comes after it.
//   - horizon: the keep that [manifest.Keeping].DeadBefore names, which may be the keep that
//     says so; 0 if nothing is dead yet.
//   - protecting: a record whose objects stay, although it may have been removed: it was
//     alive as of the horizon, or comes after that.
//   - name: the key of an object, as the index of a record names it.
//   - dead: an object or a manifest that nobody may need again.
//   - waiting: an object that no living record names, and that is not dead yet.
//   - orphan: an object that no record names, of a run that was killed or still writes.
//   - unknown: an object with a key that no run gives. It stays.
//
// # What is dead
//
// An object is dead for a keep of the log if its generation is below the keep's horizon, and
// no protecting record names it. A manifest is dead if it belongs to a group of 32 numbers
// that are all between the first keep and the horizon, and of which none is alive: so a group
// with a living number always has all its summaries, and a writer that has never seen a keep
// meets every number it can aim at.
//
// Nothing that can be restored is deleted. Suppose that backup n names an object that is
// dead for keep K. If n is before K, it was alive as of the horizon or comes after it, since
// what was removed never comes back; so it protects the object. If n is after K, its writer
// has seen K or a later keep, and may name only objects that are not older than the horizon,
// or that a living backup before it names; the same holds for that one, down to a backup
// before K. No clock has a say in this: the caller chooses the horizon, and any is safe.
//
// What is dead stays dead, as no key and no number is used twice. So a sweep needs no lock
// and no memory: it begins with lists, may be stopped anywhere, run twice at once, and be
// finished by any later one. What arrives late, such as a segment of a run that slept, the
// next sweep finds.
//
// What cannot be seen is not absent: a record that cannot be read may name anything. If it
// is living, that is an error; if it is merely protecting, nothing is dead.
//
// # What to call
//
//	what the records name        [Read], for a keep that is planned or committed
//	what is dead, what waits     [Names.Census], which changes nothing
//	delete what is dead          [Names.Sweep], for a keep that is committed
package gc
