package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// newKeyFile makes an identity, and returns its file and its public key.
func newKeyFile(t testing.TB, name string) (file, recipient string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), name+".txt")
	return file, must(t, "keys", "new", "-o", file, "--json").one(t, "identity").Recipient
}

// keyed is an archive whose keys are changed by processes that are killed.
type keyed struct {
	path   string // of the database
	at     place
	proxy  *s3test.Proxy // through which keys are changed
	ada    string        // file of an identity that always opens the archive
	guests map[string]string
	said   []int64 // the backups that were reported as committed

	mu      sync.Mutex
	left    int           // requests until the process is to be killed
	reached chan struct{} // closed then
}

// answerKeys is who can open an archive, as keys list says it.
type answerKeys struct {
	Record      int64 `json:"record"`
	Generations []struct {
		From    int64 `json:"from"`
		Revoked bool  `json:"revoked"`
	} `json:"generations"`
	Recipients []struct {
		Recipient string `json:"recipient"`
	} `json:"recipients"`
}

func (k *answerKeys) has(recipient string) bool {
	for _, r := range k.Recipients {
		if r.Recipient == recipient {
			return true
		}
	}
	return false
}

// hook lets requests pass, until one of them is to be the last thing that a process did.
func (k *keyed) hook(*s3test.Request) s3test.Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left == 0 {
		return s3test.Fault{}
	}
	if k.left--; k.left > 0 {
		return s3test.Fault{}
	}
	close(k.reached)
	k.left = 1 // as for all that follow
	k.reached = make(chan struct{})
	return s3test.Fault{Hang: true}
}

// backup backs up, and notes what was reported.
func (k *keyed) noted(t *testing.T, r result) {
	t.Helper()
	switch r.code {
	case exitOK:
		k.said = append(k.said, r.one(t, "backup").Seq)
	case exitConflict:
	default:
		t.Fatalf("a backup: %+v", r)
	}
}

// change is a change of keys.
type change struct {
	args  []string
	after func(before, now *answerKeys) bool // it was made
}

func (k *keyed) changes(guest string) []change {
	more := func(n int) func(before, now *answerKeys) bool {
		return func(before, now *answerKeys) bool { return len(now.Generations) == len(before.Generations)+n }
	}
	return []change{
		{[]string{"add", "-r", guest}, func(_, now *answerKeys) bool { return now.has(guest) }},
		{[]string{"rotate"}, more(1)},
		{[]string{"remove", "-r", guest}, more(1)},
		{[]string{"rotate", "--revoke-hosts"}, more(1)},
	}
}

// kill changes keys beside a backup, and kills that at its n-th request. It reports whether the
// change was committed all the same.
func (k *keyed) kill(t *testing.T, c change, n int) (committed bool) {
	t.Helper()
	before := k.list(t)
	k.mu.Lock()
	k.left, k.reached = n, make(chan struct{})
	reached := k.reached
	k.mu.Unlock()
	beside := start(t, "backup", "--full", k.path, k.at.address(), "--json")
	p := start(t, append([]string{"keys", c.args[0], k.proxy.Address, "-i", k.ada}, c.args[1:]...)...)
	select {
	case <-reached:
		if p.end(t, syscall.SIGKILL) == 0 {
			t.Fatal("it ended before")
		}
	case <-p.done:
		t.Fatalf("it did not reach request %d: %+v", n, p.result())
	}
	k.mu.Lock()
	k.left = 0
	k.mu.Unlock()
	beside.wait(t)
	now := k.list(t)
	committed = c.after(before, now) || now.Record != before.Record
	if len(now.Generations) > 0 && now.Generations[len(now.Generations)-1].Revoked && committed && beside.result().code == exitKeysCode {
		return committed // the host was revoked before its backup
	}
	k.noted(t, beside.result())
	return committed
}

// exitKeysCode is the exit code where a key is missing.
const exitKeysCode = 10

func (k *keyed) list(t *testing.T) *answerKeys {
	t.Helper()
	return must(t, "keys", "list", k.at.address(), "--json").one(t, "keys").Keys
}

// goesOn demands that backups, restores and changes of keys work afterwards.
func (k *keyed) goesOn(t *testing.T) {
	t.Helper()
	r := gbak(t, "backup", "--full", k.path, k.at.address(), "--json")
	if r.code == exitKeysCode && k.isRevoked(t) {
		must(t, "keys", "writer", k.at.address(), "-i", k.ada)
		r = must(t, "backup", "--full", k.path, k.at.address(), "--json")
	}
	k.noted(t, r.want(t, exitOK))
	for name, file := range k.guests {
		opens := gbak(t, "keys", "check", k.at.address(), "-i", file)
		if now := k.list(t); now.has(name) != (opens.code == exitOK) || opens.code != exitOK && opens.code != exitKeysCode {
			t.Fatalf("%s is a recipient: %v; %+v", name, now.has(name), opens)
		}
	}
	if check := must(t, "keys", "check", k.at.address(), "-i", k.ada, "--json").one(t, "keys_check"); check.Backup != k.said[len(k.said)-1] {
		t.Errorf("%+v", check)
	}
}

func (k *keyed) isRevoked(t *testing.T) bool {
	for _, g := range k.list(t).Generations {
		if g.Revoked {
			return true
		}
	}
	return false
}

// TestKillKeys kills changes of keys at each of their requests, beside backups. No backup is lost that
// was reported, each change was made or not, and hosts, restores and further changes go on.
func TestKillKeys(t *testing.T) {
	t.Parallel()
	const kills = 30
	k := &keyed{path: filepath.Join(t.TempDir(), "db.grafeo"), guests: map[string]string{}}
	copyFile(t, "../examples/social.grafeo", k.path)
	k.proxy, k.at = behindProxy(t, k.hook)
	var own string
	k.ada, own = newKeyFile(t, "ada")
	k.noted(t, must(t, "backup", k.path, k.at.address(), "-r", own, "--no-hold", "--json"))
	committed := 0
	for i := range kills {
		file, guest := newKeyFile(t, fmt.Sprint("guest", i))
		all := k.changes(guest)
		c := all[i%len(all)]
		if c.args[0] == "remove" {
			must(t, "keys", "add", k.at.address(), "-r", guest, "-i", k.ada)
		}
		k.guests = map[string]string{guest: file}
		const requests = 6 // that each makes: archive.json, the list, the newest manifests, the record, its proof
		if k.kill(t, c, 1+rand.IntN(requests)) {
			committed++
		}
		k.goesOn(t)
	}
	t.Logf("%d of %d were committed before they were killed", committed, kills)

	var listed []int64
	for _, b := range must(t, "list", k.at.address(), "--json").answers(t) {
		listed = append(listed, b.Seq)
	}
	for _, seq := range k.said {
		if !slices.Contains(listed, seq) {
			t.Errorf("backup %d was reported, and is not listed", seq)
		}
	}
	if v := must(t, "verify", k.at.address(), "--deep", "-i", k.ada, "--json").one(t, "verify"); !v.OK {
		t.Errorf("%+v", v)
	}
	var first map[string]string
	for _, seq := range []int64{k.said[0], k.said[len(k.said)/2], k.said[len(k.said)-1]} {
		folder := t.TempDir()
		must(t, "restore", k.at.address(), filepath.Join(folder, "db.grafeo"), "--backup", strconv.FormatInt(seq, 10), "-i", k.ada)
		got := map[string]string{}
		for _, name := range files(t, folder) {
			b, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			got[name] = string(b)
		}
		if first == nil {
			first = got
		}
		for name, text := range got {
			if first[name] != text {
				t.Errorf("backup %d restores another %s than the first one", seq, name)
			}
		}
	}
}
