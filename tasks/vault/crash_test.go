package vault_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/vault"
)

// The tests below need writers that are processes of their own: this program
// started with the variable below is one.
const writerVariable = "VAULT_TEST_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerVariable); dir != "" {
		write(dir, os.Args[1])
		return
	}
	os.Exit(m.Run())
}

// write makes secrets, keys and pins without end, and prints what it got from
// the vault as soon as it has it.
func write(dir, prefix string) {
	p := &project{dir: dir}
	v, err := vault.Open(p.options())
	for i := 0; err == nil && i < 1000; i++ {
		name := fmt.Sprintf("%s%d", prefix, i)
		var value, shared string
		if value, err = v.Value(context.Background(), generate(name, 20), true); err != nil {
			break
		}
		fmt.Printf("secret %s %s\n", name, value)
		if shared, err = v.Value(context.Background(), generate(fmt.Sprintf("SHARED%d", i), 20), true); err != nil {
			break
		}
		fmt.Printf("secret SHARED%d %s\n", i, shared)
		var key ssh.Signer
		if key, err = v.ClientKey(name, true); err != nil {
			break
		}
		if err = v.Pin(name, key.PublicKey()); err == nil {
			fmt.Printf("pin %s %s\n", name, ssh.FingerprintSHA256(key.PublicKey()))
		}
	}
	if err != nil {
		fmt.Println("error", err)
	}
}

// writer starts a writer. What it printed is checked after it ended.
func writer(t *testing.T, p *project, prefix string) (*exec.Cmd, func() []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], prefix)
	cmd.Env = append(os.Environ(), writerVariable+"="+p.dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	var done sync.WaitGroup
	done.Go(func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines = append(lines, s.Text())
		}
	})
	return cmd, func() []string { done.Wait(); cmd.Wait(); return lines }
}

// checkPrinted fails unless everything that writers printed is in the vault,
// and equal for all of them.
func checkPrinted(t *testing.T, p *project, lines []string) {
	t.Helper()
	v := p.open(t)
	for _, line := range lines {
		f := strings.Fields(line)
		switch {
		case f[0] == "secret" && len(f) == 3:
			if got, err := v.Value(t.Context(), generate(f[1], 20), false); err != nil || got != f[2] {
				t.Errorf("%s was handed out and is not what is stored (%v)", f[1], err)
			}
		case f[0] == "pin" && len(f) == 3:
			pins, err := v.Pins(f[1])
			if err != nil || len(pins) != 1 || ssh.FingerprintSHA256(pins[0]) != f[2] {
				t.Errorf("pin of %s is lost (%v)", f[1], err)
			}
		case f[0] == "error":
			t.Error(line)
		default: // the last line of a killed writer
			t.Logf("cut off: %q", line)
		}
	}
}

func TestKilledWritersLoseNothingThatTheyHandedOut(t *testing.T) {
	p := newProject(t)
	var lines []string
	for i := range 12 {
		cmd, wait := writer(t, p, fmt.Sprintf("K%d_", i))
		// Not a wait for something: the moment of the kill is what varies.
		time.Sleep(time.Duration(15+i*7) * time.Millisecond)
		cmd.Process.Kill()
		lines = append(lines, wait()...)
	}
	if len(lines) < 12 {
		t.Fatalf("the writers got only %d lines done", len(lines))
	}
	checkPrinted(t, p, lines)
}

func TestWritersBesideEachOtherAgree(t *testing.T) {
	p := newProject(t)
	var waits []func() []string
	for i := range 3 {
		cmd, wait := writer(t, p, fmt.Sprintf("W%d_", i))
		stop := time.AfterFunc(400*time.Millisecond, func() { cmd.Process.Kill() })
		defer stop.Stop()
		waits = append(waits, wait)
	}
	var lines []string
	for _, wait := range waits {
		lines = append(lines, wait()...)
	}
	checkPrinted(t, p, lines)
}

func TestLeftoversOfACrashGoWithTheNextWrite(t *testing.T) {
	p := newProject(t)
	v := p.open(t)
	if _, err := v.Value(t.Context(), generate("A", 20), true); err != nil {
		t.Fatal(err)
	}
	leftover := filepath.Join(p.dir, "environments", ".prod.age.tmp")
	if err := os.WriteFile(leftover, []byte("half a fi"), 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Value(t.Context(), generate("B", 20), true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(leftover); err == nil {
		t.Error("the temporary file is still there")
	}
}
