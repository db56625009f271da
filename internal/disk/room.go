package disk

import (
	"os"
	"path/filepath"
)

// Room is what the file system at a path has left for this process.
type Room struct {
	Free int64 // bytes

	// Sure is true if what is larger than Free certainly does not fit: the file system
	// does not compress.
	Sure bool
}

// RoomAt returns the room in the file system in which path is, or will be. ok is false if
// the file system does not say, or says something impossible: some report zeros.
func RoomAt(path string) (room Room, ok bool) {
	for dir := path; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			room, ok = roomOf(dir)
			return room, ok && room.Free > 0
		}
		if dir == filepath.Dir(dir) {
			return Room{}, false
		}
	}
}
