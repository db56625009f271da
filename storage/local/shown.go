package local

import "fmt"

// A name that another process made may not be durable: that process may not have lived
// to sync it. So what this store has shown to its caller is synced before the caller
// stores anything that may refer to it.

// nameState is what is known of the names in a folder.
type nameState int

const (
	namesShown    nameState = iota + 1 // the caller has seen some
	namesDoubtful                      // a sync has failed
	namesDurable                       // all that the caller has seen are
)

// showNames is called before the caller sees a name in dir. A name whose own sync has
// failed is not shown until another sync succeeds.
func (s *Store) showNames(dir string) error {
	s.namesMu.Lock()
	defer s.namesMu.Unlock()
	if s.names[dir] == namesDoubtful {
		if err := s.disk.Sync(dir); err != nil {
			return notDurable(dir, err)
		}
	}
	s.names[dir] = namesShown
	return nil
}

// syncNames is called before the caller reads an object in dir. It may act on what it
// reads without putting anything, so the name must stay.
func (s *Store) syncNames(dir string) error {
	s.namesMu.Lock()
	defer s.namesMu.Unlock()
	if s.names[dir] == namesDurable {
		return nil
	}
	err := s.disk.Sync(dir)
	switch {
	case err == nil:
		s.names[dir] = namesDurable
	case s.names[dir] == namesDoubtful:
		return notDurable(dir, err)
	case isDenied(err): // somebody who may only read puts nothing
		return nil
	}
	return err
}

func notDurable(dir string, err error) error {
	return fmt.Errorf("what was put into %s may not be durable: %w", dir, err)
}

// syncShown makes durable all names that the caller has seen.
func (s *Store) syncShown() error {
	s.namesMu.Lock()
	defer s.namesMu.Unlock()
	for dir, state := range s.names {
		if state == namesDurable {
			continue
		}
		if err := s.disk.Sync(dir); err != nil && !isMissing(err) {
			return err
		}
		s.names[dir] = namesDurable
	}
	return nil
}

// markDoubtful notes that the sync of dir failed when a name in it was new.
func (s *Store) markDoubtful(dir string) {
	s.namesMu.Lock()
	defer s.namesMu.Unlock()
	s.names[dir] = namesDoubtful
}
