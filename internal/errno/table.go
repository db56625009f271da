package errno

import "syscall"

// badNetPath is what Windows says of all files on a server that it does not find (BAD_NETPATH).
const badNetPath syscall.Errno = 53

// onWindows is what Windows says where Unix says something else: for each name, Windows' numbers. Their
// own names stand beside them (ERROR_…, WSAE…).
//
// What Go translates itself is not here: [io/fs.ErrNotExist], [io/fs.ErrExist], [io/fs.ErrPermission] and
// [errors.ErrUnsupported].
var onWindows = map[syscall.Errno][]syscall.Errno{
	syscall.ENOSPC: {
		112, // DISK_FULL
		39,  // HANDLE_DISK_FULL
	},
	syscall.EDQUOT: {
		1295, // DISK_QUOTA_EXCEEDED
	},
	syscall.EFBIG: {
		223, // FILE_TOO_LARGE
		665, // FILE_SYSTEM_LIMITATION: so fragmented that NTFS cannot make it longer
	},
	syscall.EROFS: {
		19, // WRITE_PROTECT
	},
	syscall.EIO: {
		23,   // CRC
		25,   // SEEK
		27,   // SECTOR_NOT_FOUND
		29,   // WRITE_FAULT
		30,   // READ_FAULT
		31,   // GEN_FAILURE
		1117, // IO_DEVICE
		1392, // FILE_CORRUPT
		1393, // DISK_CORRUPT
	},
	syscall.EXDEV: {
		17, // NOT_SAME_DEVICE
	},
	syscall.EMLINK: {
		1142, // TOO_MANY_LINKS
	},
	syscall.ENOTDIR: {
		267, // DIRECTORY
	},
	syscall.ENAMETOOLONG: {
		206, // FILENAME_EXCED_RANGE
		123, // INVALID_NAME: also what NTFS says of a name with more than 255 characters
	},
	syscall.ELOOP: {
		1921, // CANT_RESOLVE_FILENAME
	},
	syscall.EMFILE: {
		4, // TOO_MANY_OPEN_FILES
	},
	syscall.ENOMEM: {
		8,    // NOT_ENOUGH_MEMORY
		14,   // OUTOFMEMORY
		1450, // NO_SYSTEM_RESOURCES
		1455, // COMMITMENT_LIMIT
	},
	syscall.ENXIO: {
		badNetPath,
		67,   // BAD_NET_NAME: the server has no such share
		21,   // NOT_READY
		55,   // DEV_NOT_EXIST
		59,   // UNEXP_NET_ERR
		64,   // NETNAME_DELETED
		1167, // DEVICE_NOT_CONNECTED
	},
	syscall.ETIMEDOUT: {
		121,   // SEM_TIMEOUT: a file server that is silent
		10060, // WSAETIMEDOUT
	},
	syscall.ECONNREFUSED: {
		10061, // WSAECONNREFUSED
	},
	syscall.EHOSTDOWN: {
		10064, // WSAEHOSTDOWN
	},
	syscall.EHOSTUNREACH: {
		10065, // WSAEHOSTUNREACH
	},
	syscall.ENETUNREACH: {
		10051, // WSAENETUNREACH
	},
}
