package main

import "golang.org/x/sys/windows"

// ofWindows is what Windows says in its own way.
var ofWindows = []row{
	{
		name: "open elsewhere", when: is(windows.ERROR_LOCK_VIOLATION, windows.ERROR_SHARING_VIOLATION),
		say: "Another process has the file open. On Windows, Grafeo lets nobody read a database while it is open: " +
			"close whatever has it open, and run the same command again.",
	},
	{
		name: "name", when: is(windows.ERROR_INVALID_NAME, windows.ERROR_INVALID_HANDLE, windows.ERROR_DIRECTORY, windows.ERROR_BAD_PATHNAME),
		say: `Check the path: on Windows no name has one of < > : " | ? * in it, and some, such as NUL and CON, are devices.`,
	},
	{
		name: "no such folder", when: is(windows.ERROR_PATH_NOT_FOUND, windows.ERROR_BAD_NETPATH, windows.ERROR_BAD_NET_NAME),
		say: "Check the path: its drive, server or folder does not exist.",
	},
	{name: "write-protected", when: is(windows.ERROR_WRITE_PROTECT), say: "The disk is write-protected."},
	{
		name: "disk failed on Windows",
		when: is(windows.ERROR_CRC, windows.ERROR_SEEK, windows.ERROR_SECTOR_NOT_FOUND, windows.ERROR_WRITE_FAULT, windows.ERROR_READ_FAULT,
			windows.ERROR_GEN_FAILURE, windows.ERROR_IO_DEVICE, windows.ERROR_FILE_CORRUPT, windows.ERROR_DISK_CORRUPT),
		say: "The disk, or the file system, failed at this file: look at the system's log (Event Viewer) and check the disk " +
			"(`chkdsk`), and save what can be read before it gets worse.",
	},
}
