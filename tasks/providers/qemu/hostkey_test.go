package qemu

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/environments"
)

func TestThrowAwayKey(t *testing.T) {
	keys := newKeys()
	p := New(Config{Environment: "env-1", DataHome: t.TempDir(), Keys: keys})
	host := environments.Host{Declared: environments.Declared{Name: "web"}, Provider: environments.Provider{QEMU: &environments.QEMU{}}}
	want := func(what string, want ssh.PublicKey) {
		t.Helper()
		got, err := p.ThrowAwayKey(host)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if (got == nil) != (want == nil) || got != nil && authorized(got) != authorized(want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	born, own := publicKey(t), publicKey(t)
	want("no machine", nil)
	v := &vm{Provider: p, host: host, dir: p.Directory("web"), state: &state{HostKey: authorized(born)}}
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := v.save(); err != nil {
		t.Fatal(err)
	}
	want("not pinned", nil)
	keys.pins["web"] = []ssh.PublicKey{born}
	want("as it was born", born)
	keys.pins["web"] = []ssh.PublicKey{born, own}
	want("on the way to its own", born)
	keys.pins["web"] = []ssh.PublicKey{own}
	want("with its own", nil)
	if err := os.WriteFile(filepath.Join(v.dir, stateFile), []byte(`{"format":1,"hostKey":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ThrowAwayKey(host); err == nil {
		t.Error("a damaged key is no error")
	}
}

func publicKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
