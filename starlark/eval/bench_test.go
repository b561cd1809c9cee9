package eval_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/starlark/eval"
)

// thousand is an environment of 500 services and 500 files, in a loop or
// written out.
func thousand(loop bool) string {
	const one = `compose_service(
    name = "service-%[1]s", host = web, image = "redis:7.4.1",
    healthcheck = healthcheck(["redis-cli", "ping"]),
    environment = {"A": "1", "B": fmt("http://{}:80", web.ipv4), "PASSWORD": secret("PASSWORD")},
    ports = [publish(%[2]s)],
)
config_file(name = "file-%[1]s", host = web, path = "/etc/service/%[1]s.json", content = json.encode({"port": %[2]s, "address": web.ipv4}))
`
	var b strings.Builder
	b.WriteString(small)
	if loop {
		body := fmt.Sprintf(one, `" + str(i) + "`, "20000 + i")
		b.WriteString("for i in range(500):\n    " + strings.ReplaceAll(strings.TrimSpace(body), "\n", "\n    ") + "\n")
		return strings.ReplaceAll(b.String(), `" + str(i) + ".json"`, `" + str(i) + ".json"`)
	}
	for i := range 500 {
		fmt.Fprintf(&b, one, fmt.Sprint(i), fmt.Sprint(20000+i))
	}
	return b.String()
}

func BenchmarkThousandLoop(b *testing.B)     { benchmark(b, thousand(true), 1000) }
func BenchmarkThousandLiterals(b *testing.B) { benchmark(b, thousand(false), 1000) }

// BenchmarkSmall is what every command pays.
func BenchmarkSmall(b *testing.B) { benchmark(b, small, 0) }

// BenchmarkTasks is an environment without any machine.
func BenchmarkTasks(b *testing.B) {
	benchmark(b, "for i in range(10000):\n    task(name = \"t%d\" % i, run = [\"cp\", \"in/%d\" % i, \"out/%d\" % i], inputs = [\"in/%d\" % i], outputs = [\"out/%d\" % i])\n", 10000)
}

func benchmark(b *testing.B, src string, want int) {
	root := b.TempDir()
	write(b, root, "e.star", []byte(src))
	for b.Loop() {
		e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
		if err != nil {
			b.Fatal(problemText(err))
		}
		if got := len(e.Services) + len(e.Files) + len(e.Tasks); got != want {
			b.Fatalf("%d resources, want %d", got, want)
		}
	}
}
