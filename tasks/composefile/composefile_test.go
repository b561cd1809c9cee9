package composefile

import (
	"fmt"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"fine", "a: {image: 'nginx:1.27', ports: [{target: 80, published: '80', protocol: tcp}], volumes: [{type: bind, source: /x, target: /y}]}", ""},
		{"unknown key", "a: {image: nginx, netwroks: [b]}", `a: compose has no key "netwroks" for a service`},
		{"key below", "a: {image: nginx, healthcheck: {test: [CMD, x], retires: 3}}", `a: healthcheck additional properties 'retires' not allowed`},
		{"type", "a: {image: nginx, tmpfs: 5}", `a: tmpfs must be a string`},
		{"dependency", "a: {image: nginx, depends_on: {b: {condition: service_healthy}}}", `a: service "a" depends on undefined service "b"`},
		{"network", "a: {image: nginx, networks: [front]}", `a: service "a" refers to undefined network front`},
		{"network mode", "a: {image: nginx, network_mode: host, networks: [default]}", "a: service a declares mutually exclusive `network_mode` and `networks`"},
		{"image", "a: {image: 'Nginx:1'}", `a: image "Nginx:1": invalid reference format: repository name (library/Nginx) must be lowercase`},
		{"no image", "a: {}", "a: image \"\": invalid reference format\na: service \"a\" has neither an image nor a build context specified"},
		{"all at once", "a: {image: nginx, tmpfs: 5}, b.c: {image: nginx, cap_dro: [x]}, d: {image: 'x:y:z'}",
			"a: tmpfs must be a string\nb.c: compose has no key \"cap_dro\" for a service\nd: image \"x:y:z\": invalid reference format"},
		{"who depends on a faulty one is not faulty", "a: {image: nginx, tmpfs: 5}, b: {image: nginx, depends_on: {a: {condition: service_started}}}", "a: tmpfs must be a string"},
		{"variable", "a: {image: nginx, environment: {X: '${Y}', Z: '$$Y'}}", `: variable "Y" is not set`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range Check(t.Context(), "x", []byte("services: {"+test.file+"}")) {
				got = append(got, fmt.Sprintf("%s: %s", f.Service, f.Message))
			}
			text := strings.Join(got, "\n")
			if text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}
