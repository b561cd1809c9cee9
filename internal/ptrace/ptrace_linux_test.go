package ptrace

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopping as the first argument makes the test binary a program that stops at
// its writes.
const stopping = "stopping"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case stopping:
			panic(ExecStopping(os.Args[2:], syscall.SYS_WRITE))
		case breeding:
			breed(os.Args[2:])
		case guarding:
			guard()
		}
	}
	os.Exit(m.Run())
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "exectrace")
	cmd := exec.Command("go", "build", "-o", program, "./exectrace")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// script starts programs in every way: fork, exec in place, a subshell in the
// background, a script with its interpreter, and one that is not there.
const script = `
/bin/echo first 'é "<&' >/dev/null
( exec /bin/echo second >/dev/null ) &
wait
env -i sh -c '/bin/echo third >/dev/null; exit 0'
/nonexistent/program fourth 2>/dev/null
exec sh -c 'exit 7'
`

func TestRunSeesEveryExec(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(build(t), trace, "--", "sh", "-c", script)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 7 {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"sh\x00-c\x00" + script + "\x00\n", "/bin/echo\x00first\x00é \"<&\x00\n", "/bin/echo\x00second\x00\n",
		"env\x00-i\x00sh\x00", "/bin/echo\x00third\x00\n", "sh\x00-c\x00exit 7\x00\n",
	} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("%q is missing in\n%q", want, got)
		}
	}
	if n := bytes.Count(got, []byte("fourth")); n != 1 { // the script itself
		t.Errorf("a program that was not started is there %d times", n)
	}
}

// TestAttachSeesWhatComesOutOfAProcess traces a shell that is running already,
// and ends the tracer: the shell goes on.
func TestAttachSeesWhatComesOutOfAProcess(t *testing.T) {
	shell := exec.Command("sh")
	stdin, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shell.Process.Kill(); _ = shell.Wait() }()
	answers := bufio.NewReader(stdout)
	say := func(line string) {
		t.Helper()
		if _, err := io.WriteString(stdin, line+"; echo done\n"); err != nil {
			t.Fatal(err)
		}
		if answer, err := answers.ReadString('\n'); err != nil || answer != "done\n" {
			t.Fatalf("%q, %v", answer, err)
		}
	}
	say("/bin/echo before >/dev/null")
	trace := filepath.Join(t.TempDir(), "trace")
	tracer := exec.Command(build(t), trace, strconv.Itoa(shell.Process.Pid))
	var complaint bytes.Buffer
	tracer.Stderr = &complaint
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	traced(t, shell.Process.Pid)
	say("/bin/echo during >/dev/null")
	say("(sh -c '/bin/echo deep >/dev/null' & wait)")
	say("trap : USR1; kill -USR1 $$")
	if err := tracer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = tracer.Wait()
	say("/bin/echo after >/dev/null")
	got, err := os.ReadFile(trace)
	if err != nil {
		t.Fatalf("%v: %s", err, complaint.String())
	}
	for word, want := range map[string]bool{"before": false, "during": true, "deep": true, "after": false} {
		if bytes.Contains(got, []byte("/bin/echo\x00"+word)) != want {
			t.Errorf("%s: want %v in %q", word, want, got)
		}
	}
}

// traced waits until a process has a tracer.
func traced(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(status), "TracerPid:\t0\n") {
			return
		}
	}
	t.Fatalf("process %d is not traced", pid)
}

// TestSyscallKills has a program killed before its third write.
func TestSyscallKills(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	file, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	writes := 0
	tracer := Tracer{Syscall: func(c Call) bool {
		if c.Number == syscall.SYS_WRITE && c.File(c.Args[0]) == out {
			writes++
		}
		return writes == 3
	}}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, stopping, "sh", "-c", "echo one; echo two; echo three; echo four")
	cmd.Stdout = file
	status, err := tracer.Run(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v", status)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != "one\ntwo\n" {
		t.Errorf("it wrote %q", got)
	}
}
