package storage

// Permissions are what somebody may do with the objects of a store. In its lists, a key
// stands for itself, what ends with '/' for all keys that begin with it, and "" for all.
type Permissions struct {
	List   bool     // the names of all objects
	Read   []string // get and head
	Create []string // put what is absent
	Delete []string

	// Versions extends List, Read and Delete to the versions that a bucket keeps of an
	// object, and to seeing how it locks them, and until when.
	Versions bool

	Settings bool // see what an [Inspector] shows
}
