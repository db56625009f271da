// Package salvage finds out what can still be had of an archive with holes, and chooses the
// best of it. It changes nothing.
//
// # Vocabulary
//
//   - hole: an object that is missing or damaged ([Hole]).
//   - part: a record with content, as one way from the end of one backup to the end of
//     another ([part]). There may be several to the same end: a merged record and the last
//     of those that it was merged from.
//   - rest: what is left of a part whose log has a hole: the log up to its last whole commit
//     before that, or the image alone. It is a part that is whole.
//   - span: a full backup whose image is whole, and the parts by which its log goes on as far
//     as it can: every state between the two ends can be had.
//   - sure: proved to be the state that a whole archive would give. A state is unsure if the
//     record that follows is lost, so that more of its last epoch may have been committed.
//
// What counts and what does not is as for everybody else, as long as that is enough. Then
// what was removed, or merged into others, helps too, if it is there still: it is the same
// history.
//
// Nothing is invented: a state is an image and a log up to a commit, of bytes that have the
// digests that the archive's documents give them.
package salvage
