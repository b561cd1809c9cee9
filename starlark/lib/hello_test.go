package lib_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/torrust/tracker-deployer/starlark/eval"
)

// The smallest stack is one service without rights, and a probe that reads it.
func TestHello(t *testing.T) {
	root := t.TempDir()
	src := `load("@torrust//hello.star", "hello")
web = vm(name = "web", provider = simulated("machines/web"))
page = hello(name = "page", host = web, port = 8081, greeting = "Hi.")
config_file(name = "where", host = web, path = "/where", content = page.web.internal)
`
	if err := os.WriteFile(filepath.Join(root, "e.star"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
	if err != nil {
		t.Fatal(err)
	}
	s, p := e.Services[0], e.Probes[0]
	if text, _ := s.Files[0].Content.Static(); text != "<!doctype html>\n<title>Hello</title>\n<h1>Hi.</h1>\n" {
		t.Errorf("page: %q", text)
	}
	if s.Ports[0].Port != 8081 || !s.ReadOnly || s.CapDrop[0] != "ALL" || s.Memory == "" {
		t.Errorf("service: %+v", s)
	}
	if p.Expect.Body != "Hi." || p.HTTP.String() != "http://(vm:web ipv4):(vm:web port:8081)/" {
		t.Errorf("probe: %+v", p)
	}
	if text, _ := e.Files[0].Content.Static(); text != "page:8081" {
		t.Errorf("endpoint: %q", text)
	}
}
