package disk

import (
	"os"
	"path/filepath"
)

// Room is what the file system at a path has left for this process.
type Room struct {
	Free int64 // bytes

	// Sure says that what is larger than Free does not fit: the file system does
	// not compress.
	Sure bool
}

// RoomAt is the room where path is, or will be. ok is false where the file system
// does not say, or says what cannot be: some report zeros.
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
