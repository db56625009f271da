package archiver_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// Whose state folder is none, such as /dev/null, has no writer key there; everything else opens an
// encrypted archive as it does without a state folder.
func TestStateThatIsNoFolder(t *testing.T) {
	t.Parallel()
	s := newTrapScene(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"", file, filepath.Join(file, "below")} {
		for name, k := range map[string]archiver.Keys{
			"identity":   {Identities: s.o.identities, Required: true},
			"writer key": {WriterKey: archiver.WriterKeyFile(s.keyFile(t), nil)},
		} {
			a := known(s.store, state, k)
			s.m.commit(10)
			s.backup(t, a)
			if _, err := a.List(t.Context()); err != nil {
				t.Errorf("%q, %s: %v", state, name, err)
			}
		}
		reader := known(s.store, state, archiver.Keys{Identities: s.o.identities, Required: true})
		if _, err := reader.Restore(t.Context(), t.TempDir()+"/x.grafeo", archiver.RestoreOptions{}); err != nil {
			t.Errorf("%q: %v", state, err)
		}
		if _, err := reader.MakeWriterKey(t.Context(), false); err != nil {
			t.Errorf("%q: %v", state, err)
		}
		_, err := known(s.store, state, archiver.Keys{}).List(t.Context())
		mustFail(t, err, archiver.CodeKeyMissing)
	}
}
