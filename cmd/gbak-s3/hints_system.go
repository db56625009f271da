package main

import (
	"fmt"
	"io/fs"
	"os/user"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// system is what the operating system says, of the database or of an archive in a
// directory.
var system = []row{
	{name: "disk full", when: is(syscall.ENOSPC, syscall.EDQUOT), say: "Free some space and run the same command again."},
	{
		name: "file too large", when: is(syscall.EFBIG),
		say: "The file system, or a limit of the process (`ulimit -f`), does not allow files that large. Raise the " +
			"limit, or use another path.",
	},
	{
		name: "too many files", when: is(syscall.EMFILE, syscall.ENFILE),
		say: "Raise the number of files that may be open (`ulimit -n`): a few dozen are enough; or use --concurrency 1.",
	},
	{
		name: "disk failed", when: is(syscall.EIO),
		say: "The disk, or the file system, failed at this file: look at the system's log (`dmesg`), and save what " +
			"can be read before it gets worse.",
	},
	{
		name: "read-only", when: is(syscall.EROFS),
		say: "The file system is mounted read-only: on purpose, or by the system after a disk error (`dmesg`).",
	},
	{
		name: "stale", when: is(syscall.ESTALE),
		say: "The file is gone from the file server, or the server was restarted: mount it again and run the same command again.",
	},
	{
		name: "mount gone", when: is(syscall.ENODEV, syscall.ENXIO, syscall.ENOTCONN),
		say: "The device, or the program behind this mount (FUSE), is gone: mount it again and run the same command again.",
	},
	{
		name: "no locks", when: is(syscall.ENOLCK),
		say: "The file system provides no locks: on NFS, start its lock service, or mount with local_lock=flock; or " +
			"use a path on a local disk.",
	},
	{
		name: "mount point", when: is(syscall.EBUSY),
		say: "The system itself uses the file or folder, most often as a mount point: a file that is mounted into a container " +
			"cannot be replaced. Mount the folder above it instead, or use another path.",
	},
	{name: "running program", when: is(syscall.ETXTBSY), say: "The file is a program that is running: use another path."},
	{
		name: "other file system", when: is(syscall.EXDEV),
		say: "The two paths are on different file systems, or there is a mount between them: use a path where the " +
			"folder and its contents are on one.",
	},
	{name: "links", when: is(syscall.EMLINK), say: "The file has as many hard links as its file system allows: use another folder."},
	{
		name: "timed out", when: both(func(f *facts) bool { return f.answer.Attempts == 0 }, is(syscall.ETIMEDOUT, syscall.EHOSTDOWN)),
		say: "The file server does not answer: look at the mount, and run the same command again.",
	},
	{
		name: "memory", when: is(syscall.ENOMEM),
		say: "The system has no memory left for this process: raise its limit, or use a smaller --concurrency.",
	},
	{
		name: "path", when: is(syscall.ENAMETOOLONG, syscall.ENOTDIR, syscall.EISDIR),
		say: "Check the path: a name in it is too long, or something in it that should be a folder is not one.",
	},
	{name: "loop of links", when: is(syscall.ELOOP), say: "Check the path: symbolic links in it form a loop."},
	{
		name: "not permitted", when: is(syscall.EPERM),
		say: "The system does not permit that even to those who may write: the file is immutable (`lsattr`), " +
			"or the file system or a policy (SELinux, a container) forbids it.",
	},
	{
		name: "permissions of a directory", when: both(ofStore, code(archiver.CodePermission)),
		more: func(*facts) string {
			return "Check the permissions of the archive's directory, and of the folders above it." + whoRuns()
		},
	},
	{
		name: "permissions", when: either(code(archiver.CodePermission), is(fs.ErrPermission)),
		more: func(*facts) string { return "Check the permissions of the file and its folder." + whoRuns() },
	},
	{
		name: "in the way", when: both(code(archiver.CodeFailed), is(fs.ErrExist)),
		say: "Check the path: something else has this name, such as a link to nothing.",
	},
}

// whoRuns says as whom the command runs, which is seldom who was meant where permissions fail.
func whoRuns() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return fmt.Sprintf(" This runs as the user %s.", u.Username)
	}
	return ""
}
