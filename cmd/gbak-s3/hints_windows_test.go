package main

import (
	"golang.org/x/sys/windows"

	"github.com/gbak-s3/gbak-s3/archiver"
)

var windowsHintCases = []hintCase{
	{"disk full on Windows", archiver.CodeFailed, onPath(windows.ERROR_DISK_FULL), "space"},
	{"open elsewhere", archiver.CodeFailed, onPath(windows.ERROR_LOCK_VIOLATION), "while it is open"},
	{"open elsewhere", archiver.CodeFailed, onPath(windows.ERROR_SHARING_VIOLATION), "close whatever has it open"},
	{"name", archiver.CodeFailed, onPath(windows.ERROR_INVALID_NAME), "NUL"},
	{"no such folder", archiver.CodeFailed, onPath(windows.ERROR_PATH_NOT_FOUND), "drive"},
	{"write-protected", archiver.CodeFailed, onPath(windows.ERROR_WRITE_PROTECT), "write-protected"},
}
