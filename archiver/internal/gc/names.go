package gc

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sort"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Keep is what a keep says, and its number: the one that it will get if it is only planned.
type Keep struct {
	Seq manifest.Seq
	*manifest.Keeping

	// Keys is the newest record of kind keys before it, 0 if there is none. Without its key
	// list, nobody opens an encrypted archive.
	Keys manifest.Seq
}

// Names is what the records of an archive name, as far as a keep is concerned. A key takes
// a few bytes: it is kept as a hash of 64 bits. Keys with equal hashes count as the same, so
// that too much may stay, but never too little.
type Names struct {
	// Withheld is why nothing is dead: a record that was removed, but protects what it
	// names, cannot be read. It is nil if there is none. A later keep heals that.
	Withheld error

	journal  *journal.Journal
	archive  *manifest.Archive
	records  []manifest.Seq
	keep     Keep
	then     manifest.Ranges // what was alive as of the horizon
	thenKeys manifest.Seq    // the newest record of kind keys as of it

	seed    maphash.Seed
	keys    map[uint64]named
	folders map[uint64]*folder  // of records that are no full ones, which name no others
	removed map[uint64]struct{} // folders of records that are not living
	exact   []manifest.Seq      // living records of which each object is in keys: the full and the needed ones

	needed map[manifest.Seq]*manifest.Manifest // their outlines
}

// use says which records name something.
type use uint8

const (
	byLiving     use = 1 << iota // also protects
	byProtecting                 // one that is not living
	isListed                     // not a use: the census has seen the object in a list, as it should be
)

// named is what is known of the object under a key.
type named struct {
	use   use
	bytes uint32 // the lower half of its size, as a living record says it
}

// Read reads what the records of l name, as far as it concerns the keep k, whose number is
// that of a record of l, or the next one. It reads one manifest in 32; of full backups also
// the manifest and the index, one at a time; and so of the needed records, which are living
// ones: nothing may leave the list unless these can be read.
//
// If a living record is missing or, as far as it is read, damaged, the error is a
// [*manifest.ObjectError].
func Read(ctx context.Context, j *journal.Journal, l *journal.List, k Keep, needed []manifest.Seq) (*Names, error) {
	if l.Document != nil {
		return nil, l.Document
	}
	n := &Names{
		journal: j, archive: l.Archive, records: l.Records, keep: k,
		seed: maphash.MakeSeed(), keys: map[uint64]named{}, folders: map[uint64]*folder{}, removed: map[uint64]struct{}{},
		needed: make(map[manifest.Seq]*manifest.Manifest, len(needed)),
	}
	for _, seq := range needed {
		n.needed[seq] = nil
	}
	if err := n.readThen(ctx); err != nil {
		return nil, err
	}
	if err := n.checkPresent(); err != nil {
		return nil, err
	}
	fulls, err := n.readOutlines(ctx, l)
	if err != nil {
		return nil, err
	}
	if err := n.readFulls(ctx, fulls); err != nil {
		return nil, err
	}
	return n, n.readNeeded(ctx)
}

// readThen reads which records were alive as of the horizon.
func (n *Names) readThen(ctx context.Context) error {
	switch n.keep.DeadBefore {
	case 0:
		return nil // nothing is dead
	case n.keep.Seq:
		n.then, n.thenKeys = n.keep.Alive, n.keep.Keys
		return nil
	}
	m, err := n.journal.Load(ctx, n.archive.ArchiveID, n.keep.DeadBefore)
	if err == nil && m.Keeping == nil {
		err = &manifest.ObjectError{Key: m.Seq.Key(), Problem: "it is no keep, but a later one says that it is"}
	}
	if err != nil {
		return n.withhold(byProtecting, err)
	}
	n.then, n.thenKeys = m.Keeping.Alive, m.Keys
	return nil
}

// checkPresent makes sure that each living and each protecting record exists.
func (n *Names) checkPresent() error {
	if seq, ok := firstMissing(n.keep.Alive, n.records); ok {
		return missing(seq.Key())
	}
	if n.keep.DeadBefore == 0 {
		return nil
	}
	protecting := slices.Clone(n.then)
	last := n.keep.Seq - 1
	if len(n.records) > 0 {
		last = max(last, n.records[len(n.records)-1])
	}
	if after := n.keep.DeadBefore + 1; after <= last { // none of these was ever deleted
		protecting = append(protecting, manifest.Range{after, last})
	}
	if seq, ok := firstMissing(protecting, n.records); ok {
		return n.withhold(byProtecting, missing(seq.Key()))
	}
	return nil
}

// firstMissing returns the first number in the ranges that is not among the records.
func firstMissing(r manifest.Ranges, records []manifest.Seq) (manifest.Seq, bool) {
	for _, x := range r {
		i := sort.Search(len(records), func(i int) bool { return records[i] >= x[0] })
		for seq := x[0]; seq <= x[1]; seq++ {
			if i == len(records) || records[i] != seq {
				return seq, true
			}
			i++
		}
	}
	return 0, false
}

func missing(key string) *manifest.ObjectError {
	return &manifest.ObjectError{Key: key, Problem: "it is missing"}
}

// useOf returns what a record is to the objects that it names, 0 if it does not count.
func (n *Names) useOf(record manifest.Seq) use {
	switch {
	case n.keep.Alive.Contains(record) || record > n.keep.Seq:
		return byLiving
	case n.keep.DeadBefore > 0 && (record > n.keep.DeadBefore || n.then.Contains(record)):
		return byProtecting
	}
	return 0
}

// withhold returns the error of reading a record. If the record is damaged and not living,
// it returns nil; if the record protects what it names, nothing is dead from now on.
func (n *Names) withhold(u use, err error) error {
	if _, damaged := errors.AsType[*manifest.ObjectError](err); !damaged || u == byLiving {
		return err
	}
	if u == byProtecting && n.Withheld == nil {
		n.Withheld = err
	}
	return nil
}

// readOutlines adds the folders of all records, and returns those of the full backups that
// count.
func (n *Names) readOutlines(ctx context.Context, l *journal.List) (fulls []manifest.Seq, err error) {
	err = n.journal.LoadRecordOutlines(ctx, l, l.Records, func(i int, m *manifest.Committed, err error) error {
		u := n.useOf(l.Records[i])
		if err != nil {
			return n.withhold(u, err)
		}
		if !m.Kind.HasContent() {
			return nil
		}
		n.noteOutline(m.Manifest)
		h := n.hash(m.Folder)
		if u != byLiving {
			n.removed[h] = struct{}{}
		}
		switch {
		case u == 0:
		case m.Kind == manifest.Full:
			fulls = append(fulls, m.Seq)
		default:
			n.addFolder(h, m.Manifest, u)
		}
		return nil
	})
	slices.Sort(fulls)
	return fulls, err
}

// readFulls adds what full backups name.
func (n *Names) readFulls(ctx context.Context, fulls []manifest.Seq) error {
	return n.journal.LoadRecords(ctx, n.archive.ArchiveID, fulls, func(i int, m *manifest.Committed, err error) error {
		u := n.useOf(fulls[i])
		if u == byLiving {
			n.exact = append(n.exact, fulls[i])
		}
		if err == nil {
			err = n.checkOutline(m)
		}
		if err == nil {
			err = n.addKeys(ctx, m, u)
		}
		if err != nil {
			return n.withhold(u, err)
		}
		return nil
	})
}

// addKeys adds all that a record names.
func (n *Names) addKeys(ctx context.Context, m *manifest.Committed, u use) error {
	return n.journal.Keys(ctx, m, func(key string, bytes int64) { n.add(key, bytes, u) })
}

// add adds an object that a record names.
func (n *Names) add(key string, bytes int64, u use) {
	h := n.hash(key)
	x := n.keys[h]
	if x.use |= u; u == byLiving {
		x.bytes = uint32(bytes) //nolint:gosec // the lower half
	}
	n.keys[h] = x
}

func (n *Names) hash(s string) uint64 { return maphash.String(n.seed, s) }

// standing is what becomes of an object.
type standing int

const (
	isLiving standing = iota
	isWaiting
	isDead
	isUnknown
)

// judge returns the standing of the object under a key, and whether it is an orphan.
func (n *Names) judge(key string) (s standing, isOrphan bool) {
	u := n.keys[n.hash(key)].use &^ isListed
	generation, ok := manifest.ParseGeneration(key)
	if !ok {
		if u&byLiving != 0 {
			return isLiving, false
		}
		return isUnknown, false
	}
	h := n.hash(folderOf(key))
	if f := n.folders[h]; f != nil && !f.isExact {
		u |= f.use
	}
	_, isOfRemoved := n.removed[h]
	isOrphan = u == 0 && !isOfRemoved
	switch {
	case u&byLiving != 0:
		return isLiving, false
	case u == 0 && generation < n.keep.DeadBefore && n.Withheld == nil:
		return isDead, isOrphan
	}
	return isWaiting, isOrphan
}

// folderOf returns the name of the folder that a key is in.
func folderOf(key string) string {
	_, rest, _ := strings.Cut(key, "/")
	folder, _, _ := strings.Cut(rest, "/")
	return folder
}
