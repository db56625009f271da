// Package grafeo reads Grafeo databases on disk, from outside, while their own process
// may be writing to them.
//
// A database is of one of two generations, 0.5 (from release 0.5.35 on) or 0.6, whose
// formats differ. Its container file holds an image: the state as of the last checkpoint,
// in sections (0.5) or chunks (0.6) that a directory lists with their checksums. The log
// beside it, called WAL by Grafeo, holds the commits since. It consists of files, in 0.6
// called segments, of frames; a commit is one or several frames that belong together, and
// most commits make an epoch, which is the number of a state. In 0.6 a log position, or
// LSN, counts bytes from the beginning of all log; in 0.5 epochs begin again with each
// run, which is the time between an open and a close. Native backups are those that Grafeo
// itself makes. docs/grafeo-format.md describes all of this; comments cite its sections.
//
// The package answers three questions. What is at a path ([Identify], [Recognize])? Is an
// image whole, and which bytes prove it ([ReadImage], [Proof])? Which commits does a log
// hold, and where does the last whole one end ([ScanLog])? Besides, it knows the names of
// Grafeo's files, and encodes what Grafeo reads: cursors and native backups. It writes no
// file, takes no lock and never waits for the database.
//
// Nothing that is read is trusted. Every length, count and offset is checked against the
// file before it is used, memory does not grow with the length of a frame or section, and
// damage is an error with the file and the offset.
//
// It imports the standard library and the module's own CRC arithmetic only.
package grafeo
