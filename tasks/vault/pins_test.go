package vault_test

import (
	"crypto/ed25519"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func hostKey(t *testing.T) ssh.PublicKey {
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

func TestPinsAreAKnownHostsFileThatOthersRead(t *testing.T) {
	p := newProject(t)
	v := p.open(t)
	first, second, third := hostKey(t), hostKey(t), hostKey(t)
	if err := v.Pin("web", first, second); err != nil {
		t.Fatal(err)
	}
	if err := v.Pin("web", second, third); err != nil {
		t.Fatal(err)
	}
	check, err := knownhosts.New(p.options().KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	address := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 22}
	for name, test := range map[string]struct {
		host string
		key  ssh.PublicKey
		ok   bool
	}{
		"pinned":           {"web:22", second, true},
		"also pinned":      {"web:22", third, true},
		"replaced":         {"web:22", first, false},
		"of somebody else": {"db:22", second, false},
	} {
		if err := check(test.host, address, test.key); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if pins, err := v.Pins("web"); err != nil || len(pins) != 2 {
		t.Errorf("%d pins, %v", len(pins), err)
	}
}

func TestPinKeepsWhatIsNotItsOwn(t *testing.T) {
	key := func() string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(hostKey(t)))) }
	shared, revoked, db := key(), key(), key()
	before := "# our machines\n\nweb,www " + shared + " a comment\n@revoked web " + revoked + "\ndb\t" + db + "\n"
	p := newProject(t)
	v := p.open(t)
	if err := v.Pin("web", hostKey(t)); err != nil { // makes the directory
		t.Fatal(err)
	}
	if err := os.WriteFile(p.options().KnownHosts, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	mine := hostKey(t)
	if err := v.Pin("web", mine); err != nil {
		t.Fatal(err)
	}
	want := "# our machines\n\nwww " + shared + " a comment\n@revoked web " + revoked + "\ndb\t" + db + "\nweb " + string(ssh.MarshalAuthorizedKey(mine))
	if got, _ := os.ReadFile(p.options().KnownHosts); string(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if err := v.Unpin("web"); err != nil {
		t.Fatal(err)
	}
	if pins, err := v.Pins("db"); err != nil || len(pins) != 1 {
		t.Errorf("db: %d pins, %v", len(pins), err)
	}
}

func TestPinProblems(t *testing.T) {
	p := newProject(t)
	v := p.open(t)
	for _, host := range []string{"", "a b", "a,b", "*", "#x", "a\nb", "@revoked"} {
		if err := v.Pin(host, hostKey(t)); err == nil {
			t.Errorf("%q was accepted", host)
		}
	}
	if err := v.Pin("web", hostKey(t)); err != nil {
		t.Fatal(err)
	}
	if err := v.Unpin("web"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.options().KnownHosts); err == nil {
		t.Error("an empty file was left")
	}
	os.WriteFile(p.options().KnownHosts, []byte("# ok\nweb not-a-key\n"), 0o644)
	if _, err := v.Pins("web"); err == nil || !strings.Contains(err.Error(), "prod.known_hosts:2: ") {
		t.Errorf("error %v does not name the line", err)
	}
}
