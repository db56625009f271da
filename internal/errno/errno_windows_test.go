package errno

import (
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

// The numbers are those that Windows has for these names.
func TestNumbers(t *testing.T) {
	for name, numbers := range map[syscall.Errno][]syscall.Errno{
		syscall.ENOSPC: {windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL},
		syscall.EDQUOT: {windows.ERROR_DISK_QUOTA_EXCEEDED},
		syscall.EFBIG:  {windows.ERROR_FILE_TOO_LARGE, windows.ERROR_FILE_SYSTEM_LIMITATION},
		syscall.EROFS:  {windows.ERROR_WRITE_PROTECT},
		syscall.EIO: {
			windows.ERROR_CRC, windows.ERROR_SEEK, windows.ERROR_SECTOR_NOT_FOUND, windows.ERROR_WRITE_FAULT, windows.ERROR_READ_FAULT,
			windows.ERROR_GEN_FAILURE, windows.ERROR_IO_DEVICE, windows.ERROR_FILE_CORRUPT, windows.ERROR_DISK_CORRUPT,
		},
		syscall.EXDEV:        {windows.ERROR_NOT_SAME_DEVICE},
		syscall.EMLINK:       {windows.ERROR_TOO_MANY_LINKS},
		syscall.ENOTDIR:      {windows.ERROR_DIRECTORY},
		syscall.ENAMETOOLONG: {windows.ERROR_FILENAME_EXCED_RANGE, windows.ERROR_INVALID_NAME},
		syscall.ELOOP:        {windows.ERROR_CANT_RESOLVE_FILENAME},
		syscall.EMFILE:       {windows.ERROR_TOO_MANY_OPEN_FILES},
		syscall.ENOMEM: {
			windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_OUTOFMEMORY, windows.ERROR_NO_SYSTEM_RESOURCES, windows.ERROR_COMMITMENT_LIMIT,
		},
		syscall.ENXIO: {
			windows.ERROR_BAD_NETPATH, windows.ERROR_BAD_NET_NAME, windows.ERROR_NOT_READY, windows.ERROR_DEV_NOT_EXIST, windows.ERROR_UNEXP_NET_ERR, windows.ERROR_NETNAME_DELETED,
			windows.ERROR_DEVICE_NOT_CONNECTED,
		},
		syscall.ETIMEDOUT:    {windows.ERROR_SEM_TIMEOUT, windows.WSAETIMEDOUT},
		syscall.ECONNREFUSED: {windows.WSAECONNREFUSED},
		syscall.EHOSTDOWN:    {windows.WSAEHOSTDOWN},
		syscall.EHOSTUNREACH: {windows.WSAEHOSTUNREACH},
		syscall.ENETUNREACH:  {windows.WSAENETUNREACH},
	} {
		if len(numbers) != len(onWindows[name]) {
			t.Errorf("%v: %d numbers are checked of %d", name, len(numbers), len(onWindows[name]))
		}
		for _, number := range numbers {
			if !Is(number, name) {
				t.Errorf("%v (%d) is not understood as %v", number, uintptr(number), name)
			}
		}
	}
}
