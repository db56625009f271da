package disk

import "golang.org/x/sys/unix"

// distant are file systems on which a removed file that is open does not vanish.
var distant = map[uint32]bool{
	unix.NFS_SUPER_MAGIC: true, unix.SMB_SUPER_MAGIC: true, unix.SMB2_SUPER_MAGIC: true, unix.CIFS_SUPER_MAGIC: true,
	unix.FUSE_SUPER_MAGIC: true, unix.V9FS_MAGIC: true, unix.CEPH_SUPER_MAGIC: true, unix.AFS_FS_MAGIC: true,
	unix.CODA_SUPER_MAGIC: true,
}

func canRemoveOpen(dir string) bool {
	var s unix.Statfs_t
	return unix.Statfs(dir, &s) == nil && !distant[uint32(s.Type)]
}
