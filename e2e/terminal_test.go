package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// onTerminal runs cmd with a terminal of its own, which is not its stdin, stdout or
// stderr: it is where programs ask for passphrases. Each question, which ends with a
// colon and a space, gets the next answer. It returns what was shown there.
func onTerminal(t testing.TB, cmd *exec.Cmd, answers ...string) (string, error) {
	t.Helper()
	master, slave, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = master.Close() }()
	cmd.ExtraFiles = []*os.File{slave}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	err = cmd.Start()
	_ = slave.Close() // so that reading ends with the command
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	answered := 0
	for piece := make([]byte, 4096); ; {
		n, err := master.Read(piece)
		shown.Write(piece[:n])
		if err != nil { // EIO: nobody has the terminal open any more
			break
		}
		for answered < len(answers) && strings.Count(shown.String(), ": ") > answered {
			if _, err := master.WriteString(answers[answered] + "\n"); err != nil {
				t.Error(err)
			}
			answered++
		}
	}
	return shown.String(), cmd.Wait()
}

// openTerminal makes a terminal: the side of whoever types, and that of the program.
func openTerminal() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		_ = master.Close()
	}
	return master, slave, err
}
