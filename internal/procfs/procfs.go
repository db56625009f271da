// Package procfs reads what Linux shows of files that other processes have open. It
// takes no lock and changes nothing. On other systems there is nothing to read, and
// nothing is seen.
package procfs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Root is the folder that the process file system is mounted at.
type Root string

// Default is where it is everywhere.
const Default Root = "/proc"

// Writers returns the processes that hold an exclusive lock on the file at path, as
// Grafeo does while it has a database open for writing. Processes of other hosts and,
// from inside a container, those outside of it are not seen.
func (r Root) Writers(path string) []int {
	keys := r.lockKeys(path)
	if len(keys) == 0 {
		return nil
	}
	var pids []int
	for range 2 { // locks that come and go while the list is read may hide another one
		b, err := os.ReadFile(filepath.Join(string(r), "locks"))
		if err != nil {
			return nil
		}
		for line := range strings.Lines(string(b)) {
			if pid, ok := writer(line, keys); ok && !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// writer decodes a line such as "1: FLOCK ADVISORY WRITE 29551 fe:00:9983182 0 EOF",
// and returns its process if it is an exclusive lock on one of the files in keys.
func writer(line string, keys []string) (int, bool) {
	f := strings.Fields(line)
	if len(f) < 6 || f[1] != "FLOCK" && f[1] != "POSIX" && f[1] != "OFDLCK" { // "->": it only waits for one
		return 0, false
	}
	pid, err := strconv.Atoi(f[4])
	return pid, err == nil && f[3] == "WRITE" && slices.Contains(keys, f[5])
}

// lockKeys returns what the list of locks may call the file at path: its inode on
// the device that stat(2) names, or on the one that is mounted there. The two differ
// on some file systems.
func (r Root) lockKeys(path string) []string {
	major, minor, inode, ok := identify(path)
	if !ok {
		return nil
	}
	keys := []string{fmt.Sprintf("%02x:%02x:%d", major, minor, inode)}
	if m, ok := r.mountOf(path); ok {
		keys = append(keys, fmt.Sprintf("%02x:%02x:%d", m.major, m.minor, inode))
	}
	return keys
}

// IsMount reports whether the file or folder at path is itself a mount point.
func (r Root) IsMount(path string) bool {
	m, ok := r.mountOf(path)
	return ok && m.point == real(path)
}

// mount is a line of mountinfo.
type mount struct {
	major, minor uint32
	point        string
}

// mountOf returns the mount that path is in: the one with the longest mount point, and
// of those at the same one the last, which covers the others.
func (r Root) mountOf(path string) (mount, bool) {
	b, err := os.ReadFile(filepath.Join(string(r), "self", "mountinfo"))
	if err != nil {
		return mount{}, false
	}
	path = real(path)
	var longest mount
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		var m mount
		if len(f) < 5 {
			continue
		}
		if _, err := fmt.Sscanf(f[2], "%d:%d", &m.major, &m.minor); err != nil {
			continue
		}
		m.point = unescape(f[4])
		inside := m.point == "/" || path == m.point || strings.HasPrefix(path, m.point+"/")
		if inside && len(m.point) >= len(longest.point) {
			longest = m
		}
	}
	return longest, longest.point != ""
}

// unescape decodes the octal escapes of mountinfo, such as \040 for a space.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// real returns the absolute path without links, or path itself if there is no such file.
func real(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if p, err := filepath.EvalSymlinks(abs); err == nil {
		return p
	}
	return abs
}

// OpenFile is a file that a process has open.
type OpenFile struct {
	Path string // as that process sees it
	Info os.FileInfo
}

// OpenFiles returns the files that a process has open. The error says that they may
// not be seen, or that the process is gone.
func (r Root) OpenFiles(pid int) ([]OpenFile, error) {
	dir := filepath.Join(string(r), strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []OpenFile
	for _, e := range entries {
		at := filepath.Join(dir, e.Name())
		path, err := os.Readlink(at)
		if err != nil {
			continue // closed meanwhile
		}
		if info, err := os.Stat(at); err == nil {
			files = append(files, OpenFile{path, info})
		}
	}
	return files, nil
}

// Name returns how people call a process: its command and number.
func (r Root) Name(pid int) string {
	b, err := os.ReadFile(filepath.Join(string(r), strconv.Itoa(pid), "comm"))
	if err != nil || pid <= 0 {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(string(b)))
}
