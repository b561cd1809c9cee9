package remote

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

const testNonce = "0123456789abcdef0123456789abcdef"

func TestAnswer(t *testing.T) {
	m := "\n" + testNonce + " "
	for _, c := range []struct {
		name, answer string
		want         []piece
		err          error
	}{
		{"nothing", m + "end\n", nil, nil},
		{"a body", "a\nb" + m + "x 1 2\n" + m + "end\n", []piece{{[]byte("a\nb"), []string{"x", "1", "2"}}}, nil},
		{"a body that ends with newlines", "a\n\n" + m + "x\n" + m + "end\n", []piece{{[]byte("a\n\n"), []string{"x"}}}, nil},
		{"a body with NUL and no text", "\x00\xff" + m + "x\n" + m + "end\n", []piece{{[]byte("\x00\xff"), []string{"x"}}}, nil},
		{"a nonce inside a line", "a" + testNonce + " end" + m + "x\n" + m + "end\n", []piece{{[]byte("a" + testNonce + " end"), []string{"x"}}}, nil},
		{"another nonce", "\nffffffffffffffffffffffffffffffff end\n" + m + "x\n" + m + "end\n",
			[]piece{{[]byte("\nffffffffffffffffffffffffffffffff end\n"), []string{"x"}}}, nil},
		{"a line longer than any buffer", strings.Repeat("x", 200_000) + m + "x\n" + m + "end\n",
			[]piece{{[]byte(strings.Repeat("x", 200_000)), []string{"x"}}}, nil},
		{"a torn answer", "a" + m + "x\n", nil, io.ErrUnexpectedEOF},
		{"a torn mark", "a\n" + testNonce + " en", nil, io.ErrUnexpectedEOF},
	} {
		got, err := readAnswer(bufio.NewReader(strings.NewReader(c.answer)), testNonce)
		if !errors.Is(err, c.err) || (c.err == nil && err != nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %d pieces, want %d", c.name, len(got), len(c.want))
			continue
		}
		for i := range got {
			if !bytes.Equal(got[i].body, c.want[i].body) || !reflect.DeepEqual(got[i].words, c.want[i].words) {
				t.Errorf("%s: piece %d is %q %q, want %q %q", c.name, i, got[i].body, got[i].words, c.want[i].body, c.want[i].words)
			}
		}
	}
}

// endless is a machine that never stops talking.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestAnswerIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := readAnswer(bufio.NewReader(endless{}), testNonce); err == nil {
		t.Error("an endless answer is no error")
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 8*maxAnswer {
		t.Errorf("an endless answer took %d bytes", used)
	}
}

// everything is a batch with a query of every kind.
func everything() []hosts.Query {
	return []hosts.Query{
		hosts.SystemQuery{}, hosts.ManifestQuery{}, hosts.FileQuery{Path: "/a", Digest: "00"}, hosts.FileQuery{Path: "/b", Secret: []byte("x")},
		hosts.PackageQuery{Names: []string{"p"}}, hosts.UnitQuery{Name: "u"}, hosts.SysctlQuery{Names: []string{"net.a"}},
		hosts.FirewallQuery{Table: "t", Rules: "r"}, hosts.ComposeQuery{Project: "p"}, hosts.ImageQuery{References: []string{"i:1"}},
	}
}

// FuzzAnswer takes whatever a machine may answer: facts or an error, no
// panic, and no more memory than the answer has bytes.
func FuzzAnswer(f *testing.F) {
	m := "\n" + testNonce + " "
	f.Add([]byte("Linux x86_64" + m + "uname\n" + m + "boot\n81a4 0 0 1 root root /a\x00" + m + "stat\nx" + m + "sum 0 00\n" +
		m + "docker\n{}" + m + "manifest\ninstalled p 1" + m + "packages\nLoadState=loaded\n" + m + "units\n" +
		m + "sysctls\n" + m + "firewall 0 none\n" + m + "end\n"))
	f.Add([]byte("container {}\nimage {\"id\":1}\n" + m + "docker\n" + m + "end\n"))
	f.Add([]byte(m + "sum 9 x\n" + m + "secret -1 yes x\n" + m + "step 0 0\n" + m + "end\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		pieces, err := readAnswer(bufio.NewReader(bytes.NewReader(data)), testNonce)
		if err != nil {
			return
		}
		total := 0
		for i, p := range pieces {
			total += len(p.body)
			_, _ = outcome(i, p)
		}
		if total > len(data) {
			t.Errorf("%d bytes of %d", total, len(data))
		}
		queries := everything()
		facts, err := newObservation("root", queries).facts(pieces)
		if err == nil && len(facts) != len(queries) {
			t.Errorf("%d facts for %d queries", len(facts), len(queries))
		}
		refusedConnections(string(data), allowedBy(string(data)))
	})
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)`y`\\\n": "'$(x)`y`\\\n'",
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestFamiliar(t *testing.T) {
	sum := "sha256:" + strings.Repeat("a", 64)
	image := foundImage{ID: "sha256:1", Tags: []string{"torrust/tracker:3.0.0", "mysql:latest", "localhost:5000/x/y:1"}, Digests: []string{"torrust/tracker@" + sum}}
	for reference, want := range map[string]bool{
		"torrust/tracker:3.0.0": true, "docker.io/torrust/tracker:3.0.0": true, "torrust/tracker:3.0.0@" + sum: true, "torrust/tracker@" + sum: true,
		"torrust/tracker": false, "torrust/tracker:3.0.1": false, "mysql": true, "docker.io/library/mysql:latest": true, "localhost:5000/x/y:1": true,
		"torrust/tracker@sha256:00": false,
	} {
		if got := image.is(reference); got != want {
			t.Errorf("%s: %v, want %v", reference, got, want)
		}
	}
	if got := digestOf("docker.io/torrust/tracker:3.0.0", []string{"other@sha256:1", "torrust/tracker@" + sum}); got != sum {
		t.Errorf("digest is %q", got)
	}
}

func TestRefusedConnections(t *testing.T) {
	allowed := allowedBy(`
		tcp dport { 22, 80 } accept
		udp dport 6969 accept # not 7070
		ip saddr { 192.0.2.0/24, 203.0.113.9 } tcp dport 1212 accept
		tcp dport 8000-8010 counter accept
		tcp dport 9999 drop
	`)
	const list = `tcp 6 100 ESTABLISHED src=198.51.100.1 dst=10.0.0.5 sport=1 dport=22 src=10.0.0.5 dst=198.51.100.1 sport=22 dport=1 [ASSURED]
tcp 6 100 ESTABLISHED src=198.51.100.1 dst=10.0.0.5 sport=2 dport=1212 src=172.18.0.2 dst=198.51.100.1 sport=1212 dport=2 [ASSURED]
tcp 6 100 ESTABLISHED src=192.0.2.7 dst=10.0.0.5 sport=3 dport=1212 src=172.18.0.2 dst=192.0.2.7 sport=1212 dport=3 [ASSURED]
tcp 6 100 ESTABLISHED src=198.51.100.1 dst=10.0.0.5 sport=4 dport=8005 src=10.0.0.5 dst=198.51.100.1 sport=8005 dport=4 [ASSURED]
tcp 6 100 ESTABLISHED src=198.51.100.1 dst=10.0.0.5 sport=5 dport=9999 src=10.0.0.5 dst=198.51.100.1 sport=9999 dport=5 [ASSURED]
tcp 6 100 ESTABLISHED src=10.0.0.5 dst=151.101.1.1 sport=6 dport=443 src=151.101.1.1 dst=10.0.0.5 sport=443 dport=6 [ASSURED]
tcp 6 100 ESTABLISHED src=172.18.0.2 dst=151.101.1.1 sport=7 dport=443 src=151.101.1.1 dst=10.0.0.5 sport=443 dport=7 [ASSURED]
udp 17 29 src=2001:db8::9 dst=2001:db8::5 sport=8 dport=7070 [UNREPLIED] src=2001:db8::5 dst=2001:db8::9 sport=7070 dport=8
udp 17 29 src=198.51.100.1 dst=10.0.0.5 sport=9 dport=6969 src=10.0.0.5 dst=198.51.100.1 sport=6969 dport=9
nonsense

1: lo    inet 127.0.0.1/8 scope host lo
2: eth0    inet 10.0.0.5/24 brd 10.0.0.255 scope global eth0
2: eth0    inet6 2001:db8::5/64 scope global
4: br-1a2b    inet 172.18.0.1/16 brd 172.18.255.255 scope global br-1a2b
`
	want := []connection{
		{"ipv4", "tcp", "198.51.100.1", "10.0.0.5", 1212},
		{"ipv4", "tcp", "198.51.100.1", "10.0.0.5", 9999},
		{"ipv6", "udp", "2001:db8::9", "2001:db8::5", 7070},
	}
	if got := refusedConnections(list, allowed); !reflect.DeepEqual(got, want) {
		t.Errorf("refused are %v, want %v", got, want)
	}
	if !allowed.allow("tcp", netip.MustParseAddr("203.0.113.9"), 1212) || allowed.allow("udp", netip.MustParseAddr("203.0.113.9"), 1212) {
		t.Error("sources and protocols are mixed up")
	}
	if got := allowed.pattern(); got != "^tcp .* dport=22 .*src=|^tcp .* dport=80 .*src=|^udp .* dport=6969 .*src=" {
		t.Errorf("pattern is %q", got)
	}
}
