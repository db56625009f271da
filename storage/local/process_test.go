package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// With childTask in its environment, the test binary is another process that works on
// the store in childRoot.
const (
	childTask = "GBAK_LOCAL_TEST_TASK" // race or fill
	childRoot = "GBAK_LOCAL_TEST_ROOT"
	childName = "GBAK_LOCAL_TEST_NAME" // the content of its objects
)

const raceNames = 100

func runChild(task, root, name string) error {
	s, err := Open(root)
	if err != nil {
		return err
	}
	switch task {
	case "race":
		return race(s, name)
	case "fill":
		return fill(s)
	}
	return fmt.Errorf("no task %q", task)
}

// race creates all names and prints those that it won.
func race(s *Store, name string) error {
	for {
		if _, err := os.Stat(filepath.Join(s.root, "start")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for i := range raceNames {
		key := fmt.Sprintf("race/%03d", i)
		_, err := s.Put(context.Background(), key, strings.NewReader(name), storage.PutOptions{IfAbsent: true})
		if err == nil {
			fmt.Println(key)
		} else if !errors.Is(err, storage.ErrPreconditionFailed) {
			return err
		}
	}
	return nil
}

// fill puts objects until it is killed.
func fill(s *Store) error {
	for i := 0; ; i++ {
		for _, c := range []struct {
			key  string
			opts storage.PutOptions
		}{
			{"same", storage.PutOptions{}},
			{fmt.Sprintf("created/%d-%d", os.Getpid(), i), storage.PutOptions{IfAbsent: true}},
		} {
			if _, err := s.Put(context.Background(), c.key, bytes.NewReader(fillData(byte(i))), c.opts); err != nil {
				return err
			}
		}
	}
}

const fillSize = 256 << 10

func fillData(i byte) []byte { return bytes.Repeat([]byte{i}, fillSize) }

func startChild(t *testing.T, task, root, name string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childTask+"="+task, childRoot+"="+root, childName+"="+name)
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &stdout
}

func TestRaceOfProcesses(t *testing.T) {
	root := t.TempDir()
	var cmds [6]*exec.Cmd
	var outs [6]*bytes.Buffer
	for i := range cmds {
		cmds[i], outs[i] = startChild(t, "race", root, fmt.Sprint(i))
	}
	if err := os.WriteFile(filepath.Join(root, "start"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	winners := map[string]string{}
	for i := range cmds {
		if err := cmds[i].Wait(); err != nil {
			t.Fatal(err)
		}
		for _, key := range strings.Fields(outs[i].String()) {
			if other, ok := winners[key]; ok {
				t.Errorf("%s: processes %s and %d both created it", key, other, i)
			}
			winners[key] = fmt.Sprint(i)
		}
	}
	s := open(t, root)
	for i := range raceNames {
		key := fmt.Sprintf("race/%03d", i)
		if got := get(t, s, key); got != winners[key] {
			t.Errorf("%s has the content of process %q, created it has %q", key, got, winners[key])
		}
	}
	if got := temps(t, s); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
}

func TestKilledProcessesLeaveNoTornObject(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	for round := range 10 {
		cmd, _ := startChild(t, "fill", root, "")
		for before := len(list(t, s)); len(list(t, s)) < before+2; {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(round) * 700 * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
	}
	for info, err := range s.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		data := []byte(get(t, s, info.Key))
		if len(data) != fillSize || !bytes.Equal(data, fillData(data[0])) {
			t.Errorf("%s is torn: %d bytes", info.Key, len(data))
		}
	}
	// What they left is not an object and does no harm.
	put(t, s, "same", "data")
	if got := get(t, s, "same"); got != "data" {
		t.Errorf("got %q", got)
	}
}

// A reader of the old object reads all of it, even if the object is replaced meanwhile.
func TestReaderKeepsTheObjectItOpened(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "key", "old")
	body, _, err := s.Get(t.Context(), "key", storage.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	put(t, s, "key", "new, and longer")
	if data, err := io.ReadAll(body); string(data) != "old" || err != nil {
		t.Errorf("got %q, %v", data, err)
	}
	if err := s.Delete(t.Context(), "key"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(s.root, "key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
