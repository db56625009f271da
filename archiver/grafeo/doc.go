// Package grafeo reads a Grafeo database on disk from the outside: the
// container file and the log beside it, of the generations 0.5 (0.5.35 and
// later) and 0.6. docs/grafeo-format.md describes the formats; comments here
// cite its sections.
//
// The package answers three questions and does nothing else. What is at a path
// ([Identify])? Is an image whole, and which bytes prove it ([ReadImage],
// [Proof])? Which commits does a log hold, and where does the last whole one
// end ([ScanLog])? It never writes, never locks and never waits for the
// database: everything works on files that another process is writing to.
//
// Nothing that is read is trusted. Every length, count and offset is checked
// against the file before it is used, memory does not grow with the length of
// a frame or section, and damage is an error that names file and offset.
//
// It imports the standard library and the module's own CRC arithmetic only;
// it may be imported by package archiver and the command.
package grafeo
