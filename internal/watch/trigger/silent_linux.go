package trigger

import "golang.org/x/sys/unix"

// silent are file systems that do not tell of all changes: others make them, elsewhere.
var silent = map[uint32]bool{
	unix.NFS_SUPER_MAGIC:   true,
	unix.SMB_SUPER_MAGIC:   true,
	unix.SMB2_SUPER_MAGIC:  true,
	unix.CIFS_SUPER_MAGIC:  true,
	unix.FUSE_SUPER_MAGIC:  true,
	unix.V9FS_MAGIC:        true, // virtual machines, gVisor, folders of Windows
	unix.AFS_SUPER_MAGIC:   true,
	unix.AFS_FS_MAGIC:      true,
	unix.CEPH_SUPER_MAGIC:  true,
	unix.CODA_SUPER_MAGIC:  true,
	unix.NCP_SUPER_MAGIC:   true,
	unix.OCFS2_SUPER_MAGIC: true,
	0x786f4256:             true, // folders of VirtualBox
	0x0bd00bd0:             true, // Lustre
}

// isSilent reports whether a folder is on a file system that does not tell of all changes.
func isSilent(folder string) bool {
	var s unix.Statfs_t
	return unix.Statfs(folder, &s) == nil && silent[uint32(s.Type)]
}
