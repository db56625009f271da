package main

import (
	"net"
	"os"

	"golang.org/x/sys/windows"

	"github.com/gbak-s3/gbak-s3/archiver"
)

var windowsHintCases = []hintCase{
	{"disk full", archiver.CodeDiskFull, onPath(windows.ERROR_DISK_FULL), "space"},
	{"disk full", archiver.CodeDiskFull, onPath(windows.ERROR_DISK_QUOTA_EXCEEDED), "space"},
	{"open elsewhere", archiver.CodeFailed, onPath(windows.ERROR_LOCK_VIOLATION), "while it is open"},
	{"open elsewhere", archiver.CodeFailed, onPath(windows.ERROR_SHARING_VIOLATION), "close whatever has it open"},
	{"name", archiver.CodeFailed, onPath(windows.ERROR_INVALID_NAME), "NUL"},
	{"no such folder", archiver.CodeFailed, onPath(windows.ERROR_PATH_NOT_FOUND), "drive"},
	{"write-protected", archiver.CodePermission, onPath(windows.ERROR_WRITE_PROTECT), "write-protected"},
	{"disk failed on Windows", archiver.CodeFailed, onPath(windows.ERROR_CRC), "chkdsk"},
	{"other file system", archiver.CodeFailed, onPath(windows.ERROR_NOT_SAME_DEVICE), "file system"},
	{
		"connection refused", archiver.CodeStore,
		unheard(&net.OpError{Op: "dial", Err: os.NewSyscallError("connectex", windows.WSAECONNREFUSED)}), "Nothing listens",
	},
}
