package storage

// Permissions are what somebody may do with the objects of a store. In the lists, an
// entry that ends with '/' stands for all keys that begin with it, "" for all keys, and
// any other entry for itself.
type Permissions struct {
	List   bool     // the names of all objects
	Read   []string // get and head
	Create []string // put what is absent
	Delete []string

	// Versions extends List, Read and Delete to the versions that a bucket keeps of an
	// object, and allows to see how and until when it locks them.
	Versions bool

	Settings bool // see what an [Inspector] shows
}
