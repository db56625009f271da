package salvage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Options say what is looked at, and how.
type Options struct {
	Store   *objects.Store
	Journal *journal.Journal // over Store
	Workers int              // segments that are read at a time, at least 1

	// Quick says that of segments only the presence and the size are looked at.
	Quick bool
}

// Hole is an object that is missing or damaged.
type Hole struct {
	Key     string
	Problem string
}

// Survey is what there is of an archive. It is not for concurrent use.
type Survey struct {
	Records int      // how many can be read
	Doubts  []string // what nobody can know any more, in sentences
	Unnamed int      // segments that no record that can be read names
	Read    int64    // bytes of segments that were read

	store   *objects.Store
	journal *journal.Journal
	list    *journal.List
	holes   map[string]string                    // problems, by key
	spare   map[string]bool                      // keys that no backup needs: a hole there is none for others
	read    map[manifest.Seq]*manifest.Committed // the records that can be read
	known   map[manifest.Seq]*manifest.Committed // those, and outlines of others
	lost    []manifest.Seq                       // of which nothing is known, ascending
	indexes map[manifest.Seq]*manifest.Index     // by record
	parts   []*part                              // by the backup to whose end they lead
	rests   map[restOf]*part                     // nil: there is none
	spans   []*span                              // nil before they are computed

	fences     map[manifest.Seq]bool // by number
	generation manifest.Seq          // the newest one in the key of a segment
}

// Look reads what there is: all records, their indexes and, unless it is quick, all segments.
// That something is missing or damaged is no error; that it cannot be seen is.
func Look(ctx context.Context, o Options, l *journal.List) (*Survey, error) {
	s := &Survey{
		store: o.Store, journal: o.Journal, list: l, holes: map[string]string{},
		read: map[manifest.Seq]*manifest.Committed{}, known: map[manifest.Seq]*manifest.Committed{},
		indexes: map[manifest.Seq]*manifest.Index{}, rests: map[restOf]*part{}, spare: map[string]bool{}, fences: map[manifest.Seq]bool{},
	}
	if l.Document != nil {
		if err := s.pass(manifest.ArchiveKey, l.Document); err != nil {
			return nil, err
		}
	}
	for _, step := range []func(context.Context) error{
		s.learnKeys, s.listFences, s.readRecords, s.readIndexes,
		func(ctx context.Context) error { return s.checkSegments(ctx, o) },
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	s.makeParts()
	s.doubt()
	return s, nil
}

// Holes returns what is missing or damaged, by key. What was removed may be.
func (s *Survey) Holes() []Hole {
	holes := make([]Hole, 0, len(s.holes))
	for key, problem := range s.holes {
		if !s.spare[key] {
			holes = append(holes, Hole{key, problem})
		}
	}
	slices.SortFunc(holes, func(a, b Hole) int { return strings.Compare(a.Key, b.Key) })
	return holes
}

// Damage is told of an object that turned out to be damaged. It reports whether that is new.
func (s *Survey) Damage(key, problem string) bool {
	if _, is := s.holes[key]; is {
		return false
	}
	s.holes[key] = problem
	s.spans = nil
	return true
}

// pass notes err as a hole if it is about an object, or about a key that is lost with one, and
// returns it if it is not. key is that of the object if the error does not say it.
func (s *Survey) pass(key string, err error) error {
	if object, ok := errors.AsType[*manifest.ObjectError](err); ok {
		s.Damage(cmp.Or(key, object.Key), object.Problem)
		return nil
	}
	if errors.Is(err, manifest.ErrDamaged) || errors.Is(err, storage.ErrNotExist) {
		s.Damage(key, err.Error())
		return nil
	}
	if lost, ok := errors.AsType[*seal.KeyError](err); ok {
		s.Damage(key, "it does not open: "+lost.Error())
		return nil
	}
	return err
}

// learnKeys makes the ring learn the newest list of keys that can be read: each full backup
// repeats it, so the record that brought it need not be there.
func (s *Survey) learnKeys(ctx context.Context) error {
	if !s.store.Ring.IsSealed() {
		return nil
	}
	isNewest := true // of those that can be read
	for _, seq := range slices.Backward(s.list.Records) {
		isFound, err := s.store.LearnKeys(ctx, seq, isNewest)
		if isFound && err == nil {
			return nil
		}
		isNewest = isNewest && err != nil
		_, isKey := errors.AsType[*seal.KeyError](err)
		if err != nil && !isKey && !journal.IsDamaged(err) && !errors.Is(err, storage.ErrNotExist) && !errors.Is(err, objects.ErrPlain) {
			return err
		}
	}
	return nil
}

// readRecords reads all records, and finds out which are lost.
func (s *Survey) readRecords(ctx context.Context) error {
	l := s.list
	failed := map[manifest.Seq]error{}
	for seqs := range slices.Chunk(l.Records, journal.Readers*manifest.GroupBackups) {
		err := s.journal.LoadRecords(ctx, l.Archive.ArchiveID, seqs, func(i int, m *manifest.Committed, err error) error {
			_, isKey := errors.AsType[*seal.KeyError](err)
			if isKey || journal.IsDamaged(err) {
				failed[seqs[i]] = err
				return nil
			}
			if err == nil {
				s.read[seqs[i]] = m
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	s.Records = len(s.read)
	keep := s.newestKeep()
	l.Records = withMissing(l.Records, keep)
	l.SetKeep(keep)
	for _, m := range s.read {
		for _, o := range m.Outlines() {
			if s.read[o.Seq] == nil {
				s.known[o.Seq] = &manifest.Committed{Manifest: o}
			}
		}
		m.Earlier = nil
	}
	for seq, m := range s.read {
		s.known[seq] = m
	}
	s.findLost(failed)
	return nil
}

// withMissing returns records, and all numbers after the keep, nil for none, that are missing
// among them: no manifest that comes after the newest keep may be gone.
func withMissing(records []manifest.Seq, keep *manifest.Committed) []manifest.Seq {
	var all []manifest.Seq
	next := manifest.Seq(1)
	if keep != nil {
		next = keep.Seq
	}
	for _, seq := range records {
		for ; next < seq; next++ {
			all = append(all, next)
		}
		all = append(all, seq)
		next = max(next, seq+1)
	}
	return all
}

// newestKeep returns the newest keep that can be read, nil if there is none.
func (s *Survey) newestKeep() *manifest.Committed {
	var newest *manifest.Committed
	for _, m := range s.read {
		if m.Kind == manifest.Keep && (newest == nil || m.Seq > newest.Seq) {
			newest = m
		}
	}
	return newest
}

// findLost notes the records that are missing or damaged, and matter: what the newest keep says
// is no backup any more does not.
func (s *Survey) findLost(failed map[manifest.Seq]error) {
	if k := s.list.Keep; k != nil {
		for seq := range k.Keeping.Alive.All() {
			s.findLostRecord(seq, failed)
		}
	}
	for seq := s.keepSeq() + 1; seq <= s.list.Last(); seq++ {
		s.findLostRecord(seq, failed)
	}
	slices.Sort(s.lost)
}

// keepSeq returns the number of the newest keep that can be read, 0 if there is none.
func (s *Survey) keepSeq() manifest.Seq {
	if s.list.Keep == nil {
		return 0
	}
	return s.list.Keep.Seq
}

// findLostRecord notes a record that counts if it cannot be read.
func (s *Survey) findLostRecord(seq manifest.Seq, failed map[manifest.Seq]error) {
	if s.read[seq] != nil {
		return
	}
	err := failed[seq]
	if err == nil {
		err = &manifest.ObjectError{Key: seq.Key(), Problem: "it is missing"}
	}
	_ = s.pass(seq.Key(), err) // only such errors are there
	if s.known[seq] == nil {
		s.lost = append(s.lost, seq)
	}
}

// doubt finds out what nobody can know: whether a newer keep has removed what is shown as a
// backup, and whether there was anything after the newest record.
func (s *Survey) doubt() {
	keep, last := s.keepSeq(), s.list.Last()
	newer, fence := manifest.Seq(0), manifest.Seq(0) // of keeps that were there
	for _, m := range s.known {
		if k := m.NewestKeep(); k > keep {
			newer = max(newer, k)
		}
	}
	for seq := range s.fences {
		fence = max(fence, seq)
	}
	say := func(format string, args ...any) { s.Doubts = append(s.Doubts, fmt.Sprintf(format, args...)) }
	for _, seq := range s.lost {
		if seq == last {
			say("record %d, the newest, cannot be read: whether it was a backup, or removed some, is not known", seq)
		}
	}
	switch {
	case newer > keep:
		say("record %d, which said which backups exist, is lost: those that it had removed are shown as if they existed still", newer)
	case s.generation > keep:
		say("record %d, of which only the names of later objects are left, said which backups exist: some that are shown may have been removed", s.generation)
	case keep > 0 && fence >= keep:
		say("a record after %d may have removed more backups, and be lost: its fence is there", keep)
	}
	if seen := max(fence, s.generation); seen > last {
		say("there were records up to %d at least, and the newest that is left is %d", seen, last)
	}
}

// listFences finds out which fences there are.
func (s *Survey) listFences(ctx context.Context) error {
	for info, err := range s.store.List(ctx, manifest.FencePrefix, objects.MaxManifests) {
		if err != nil {
			return err
		}
		if seq, ok := manifest.ParseFenceKey(info.Key); ok {
			s.fences[seq] = true
		}
	}
	return nil
}
