// Package sent remembers which objects a backup of an encrypted archive has sent, so that
// they are not sent again: by the next attempt of the same run, and after a kill by the next
// run. Of a plain archive, that shows from the keys: equal bytes have equal ones. But what is
// encrypted twice becomes other bytes.
//
// [Notes] are those of one run. They say, for what an object has before encryption, by a
// keyed hash ([Hash]), which object that became. What they say is to be proved: the store
// may have lost the object, or an expiry may have deleted it.
//
// Notes of large backups are also written to a file of the run, in the state folder of the
// user ([Folder]). Of each object it has a line:
//
//	<hash> <key> <bytes> <SHA-256 of the stored bytes> <tag>
//
// The hash and the tag, which proves the line, are keyed by the archive's catalog key, so
// that to nobody else the file says more than a list of the store. It is written without
// syncs: a crash leaves lines that are whole, perhaps fewer, and a line that is not whole
// does not count. It stays after the commit, because the next full backup may have the same
// image again, until newer ones have come: an archive has [maxFiles] at most. Nothing
// depends on it: whatever fails here costs that something is sent again.
package sent

import (
	"sync"

	"github.com/minio/highwayhash"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Object is an object that was sent.
type Object struct {
	Key    string
	Bytes  int64           // that are stored
	SHA256 manifest.Digest // of these
}

// Key is that of the hashes, which only who can read the archive's catalog has.
type Key [32]byte

// Hash is a keyed hash of what an object has before encryption.
type Hash [32]byte

// Notes are what one run has sent, and runs of the same before it. Before [Notes.Open] they
// are empty and stay so, and so is a nil *Notes. All methods may be called concurrently.
type Notes struct {
	folder *Folder // nil for notes that are only in memory

	mu     sync.Mutex
	isOpen bool
	key    Key
	known  map[Hash]Object
	file   *file   // of what is being stored, nil for none
	files  []*file // all that the run has begun
}

// InMemory returns notes that end with the run.
func InMemory() *Notes { return new(Notes) }

// Open says which key the archive's notes have, and where what is stored from now on goes: in
// the folder of this name, of which earlier runs may have left something if it is large.
func (n *Notes) Open(key Key, archiveID, folder string, isLarge bool) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.isOpen || n.key != key { // what had another key is not to be used any more
		n.isOpen, n.key, n.known, n.file = true, key, map[Hash]Object{}, nil
	}
	if n.folder == nil || !isLarge || n.file != nil && n.file.folder == folder {
		return
	}
	n.file = &file{in: n.folder, archiveID: archiveID, folder: folder, key: tagKey(key)}
	n.files = append(n.files, n.file)
	n.file.read(n.known)
}

// Hash returns the hash of what an object has before encryption.
func (n *Notes) Hash(plain []byte) Hash {
	if n == nil {
		return Hash{}
	}
	n.mu.Lock()
	key := n.key
	n.mu.Unlock()
	return highwayhash.Sum(plain, key[:])
}

// Find returns the object that has what has this hash, if one was sent.
func (n *Notes) Find(h Hash) (Object, bool) {
	if n == nil {
		return Object{}, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	o, ok := n.known[h]
	return o, ok
}

// Add notes that the store has an object with what has this hash.
func (n *Notes) Add(h Hash, o Object) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.isOpen {
		return
	}
	n.known[h] = o
	if n.file != nil {
		n.file.add(h, o)
	}
}

// Committed says that a record names what was sent. What other runs have noted about the same
// folders is not needed any more: this one has noted what of it is right.
func (n *Notes) Committed() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, f := range n.files {
		f.removeOthers()
	}
	n.file, n.files = nil, nil
}

// Close ends the run, committed or not.
func (n *Notes) Close() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, f := range n.files {
		f.close()
	}
	n.file, n.files = nil, nil
}
