package sqlite

import "syscall"

// networkDisk names the file system of folder when it is one over a network or
// in user space, whose locks and flushes are its server's affair; else "".
func networkDisk(folder string) string {
	var st syscall.Statfs_t
	if syscall.Statfs(folder, &st) != nil {
		return ""
	}
	return map[uint32]string{
		0x6969:     "NFS",
		0xff534d42: "SMB",
		0xfe534d42: "SMB",
		0x517b:     "SMB",
		0x65735546: "a FUSE file system",
		0x01021997: "9P",
		0x00c36400: "Ceph",
		0x47504653: "GPFS",
		0x0bd00bd0: "Lustre",
	}[uint32(st.Type)]
}
