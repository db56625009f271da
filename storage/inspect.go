package storage

import (
	"context"
	"time"
)

// Inspector is a [Storage] that can show the settings of the place it is in. A backend
// need not be one.
type Inspector interface {
	// Inspect reads the settings. It changes nothing. A setting that the store does not
	// show is not an error: [StoreInfo].Unreadable lists it.
	Inspect(ctx context.Context) StoreInfo
}

// StoreInfo is what affects a store's objects besides the calls of [Storage]. Fields
// that a backend does not have, or could not read, have their zero values.
type StoreInfo struct {
	Versioning Versioning
	ObjectLock *ObjectLock

	// Expirations are the lifecycle rules that delete objects of this store, and
	// Transitions those that move them to another storage class. Rules that are
	// switched off or concern other objects only are left out.
	Expirations, Transitions []LifecycleRule

	FreeBytes *int64 // that the file system has left for this user

	Unreadable []UnreadableSetting
}

// Versioning says whether a bucket keeps versions of overwritten and deleted objects.
type Versioning string

// The states of versioning; "" is an unknown one.
const (
	VersioningOff       Versioning = "off"
	VersioningOn        Versioning = "on"
	VersioningSuspended Versioning = "suspended" // it was on: versions from then are kept
)

// ObjectLock is the write-once protection of a bucket.
type ObjectLock struct {
	Enabled bool

	// Retention is the default retention of new objects, nil for none.
	Retention *Retention
}

// Retention is how long an object cannot be deleted.
type Retention struct {
	Mode        RetentionMode
	Days, Years int // one of them is positive, the other one 0
}

// RetentionMode says who may end a [Retention] early.
type RetentionMode string

// The modes, spelled as S3 spells them.
const (
	RetentionGovernance RetentionMode = "GOVERNANCE" // users with a special permission
	RetentionCompliance RetentionMode = "COMPLIANCE" // nobody
)

// LifecycleRule is one action of a bucket's lifecycle rules.
type LifecycleRule struct {
	ID     string
	Prefix string // of the names in the bucket that it concerns, which have the store's own prefix

	// It takes effect Days days after an object was created, or, with a Date, for all
	// objects on that day.
	Days int
	Date time.Time

	StorageClass string // to which a transition moves objects, such as "GLACIER"; "" of an expiration
}

// UnreadableSetting is a setting that the store did not show.
type UnreadableSetting struct {
	Name string // "versioning", "object lock" or "lifecycle rules"
	Err  error  // most often ErrPermission
}
