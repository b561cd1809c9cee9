package lib_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// database evaluates a file with a mysql() of these arguments.
func database(t *testing.T, arguments string) (*environments.Environment, error) {
	t.Helper()
	root := t.TempDir()
	src := `load("@torrust//mysql.star", "mysql", "mysql_external")
web = vm(name = "web", provider = simulated("machines/web"))
pw = secret("PW")
db = mysql(name = "store", host = web, database = "torrust_tracker", ` + arguments + `)
config_file(name = "url", host = web, path = "/url", content = db.url)
`
	if err := os.WriteFile(filepath.Join(root, "e.star"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	return eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
}

func loadDatabase(t *testing.T, arguments string) *environments.Environment {
	t.Helper()
	e, err := database(t, arguments)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What the container gets: passwords in files of the server's user, nothing
// published, no right that it does not need, and two directories.
func TestMySQLService(t *testing.T) {
	e := loadDatabase(t, `password = pw`)
	s := e.Services[0]
	if len(s.Ports) > 0 {
		t.Errorf("it publishes %+v", s.Ports)
	}
	if got := strings.Join(s.CapDrop, " ") + " but " + strings.Join(s.CapAdd, " "); got != "ALL but CHOWN DAC_OVERRIDE SETGID SETUID" {
		t.Errorf("capabilities: %s", got)
	}
	if s.Image != "mysql:9.7.4" || s.Memory != "1GiB" || s.StopGracePeriod != "2m" || s.PIDs != 500 {
		t.Errorf("service: %+v", s)
	}
	files := map[string]environments.Mount{}
	for _, m := range s.Files {
		files[m.Path] = m
		secret := strings.HasPrefix(m.Path, "/run/secrets/")
		if m.Content.Secret() != secret {
			t.Errorf("%s: secret is %v", m.Path, m.Content.Secret())
		}
		if secret && (m.Owner != "999:999" || m.Mode != "0600") {
			t.Errorf("%s: %s %s", m.Path, m.Owner, m.Mode)
		}
	}
	for _, nv := range s.Environment {
		if nv.Value.Secret() {
			t.Errorf("a secret in the variable %s", nv.Name)
		}
		if file, ok := strings.CutSuffix(nv.Name, "_FILE"); ok {
			if text, _ := nv.Value.Static(); files[text].Content == nil {
				t.Errorf("%s names %s, which is not there", file, text)
			}
		}
	}
	if got := files["/run/secrets/mysql_root_password"].Content.String(); got != "(secret STORE_ROOT_PASSWORD)" {
		t.Errorf("root's password is %s", got)
	}
	var data []string
	for _, d := range s.Data {
		data = append(data, strings.TrimSpace(d.Path+" "+d.Disk))
	}
	if got := strings.Join(data, ", "); got != "/var/lib/mysql, /var/lib/torrust-tracker-deployer system" {
		t.Errorf("data: %s", got)
	}
}

// The URL is encoded, so that a password may be anything.
func TestMySQLURL(t *testing.T) {
	e := loadDatabase(t, `password = pw, user = "a.b"`)
	got, err := e.Files[0].Content.Render(func(v environments.Value) (string, error) { return "p@ss:w/0rd#%", nil })
	if want := "mysql://a.b:p%40ss%3Aw%2F0rd%23%25@store:3306/torrust_tracker"; got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

// A rotation for each password, whose tasks say nothing secret but on standard
// input; none for a password that is no secret.
func TestMySQLRotation(t *testing.T) {
	e := loadDatabase(t, `password = pw`)
	if len(e.Rotations) != 2 || len(e.Tasks) != 6 {
		t.Fatalf("%d rotations, %d tasks", len(e.Rotations), len(e.Tasks))
	}
	want := map[string]string{
		"store-user": "STORE_ROOT_PASSWORD\nPW.old\nPW.new\n",
		"store-root": "STORE_ROOT_PASSWORD.old\nSTORE_ROOT_PASSWORD.new\n",
	}
	for _, task := range e.Tasks {
		name := task.Name[:strings.LastIndexByte(task.Name, '-')]
		got, err := task.Stdin.Render(func(v environments.Value) (string, error) { return v.SecretID(), nil })
		if got != want[name] || err != nil {
			t.Errorf("%s reads %q, %v, want %q", task.Name, got, err, want[name])
		}
		for _, word := range task.Run[0] {
			if word.Secret() {
				t.Errorf("%s: a secret in its arguments", task.Name)
			}
		}
	}
	if e := loadDatabase(t, `password = "letmein"`); len(e.Rotations) != 1 || len(e.Warnings) != 1 {
		t.Errorf("rotations %+v, warnings %+v", e.Rotations, e.Warnings)
	}
}

// What cannot work is said, at the argument.
func TestMySQLMistakes(t *testing.T) {
	for arguments, want := range map[string]string{
		`user = "root"`:                                   `mysql "store": user: "root" is the server's own`,
		`user = "a@b"`:                                    `mysql "store": user: got "a@b", want letters, digits, _, - and ., at most 32`,
		`password = pw, root_password = pw`:               `mysql "store": root_password is the user's password: who gets into the database would have the server`,
		`password = pw, root_password = pw + "_root"`:     `mysql "store": root_password: it is made of something else`,
		`privileges = ["SELECT", "SUPER"]`:                `mysql "store": privileges: "SUPER" is none that a user of one database gets`,
		`privileges = []`:                                 `mysql "store": privileges: want a list of privileges`,
		`memory = "256MiB"`:                               `mysql "store": memory: got "256MiB", want at least "512MiB"`,
		`buffer_pool = "900MiB"`:                          `mysql "store": buffer_pool: 900MiB leaves less than 256MiB of memory, 1GiB, for everything else`,
		`buffer_pool = "1"`:                               `mysql "store": buffer_pool: got "1", want at least "32MiB"`,
		`max_connections = 0`:                             `mysql "store": max_connections: got 0, want 2 to 10000`,
		`charset = "x;"`:                                  `mysql "store": charset: got "x;", want a character set such as "utf8mb4"`,
		`settings = {"init-file": "/x"}`:                  `mysql "store": settings: init-file is set already`,
		`settings = {"a\nb": 1}`:                          `mysql "store": settings: "a\nb" is not the name of a setting`,
		`settings = {"sql_mode": "a\nskip-grant-tables"}`: `mysql "store": settings: sql_mode: got string, want a text of one line, a number or a truth`,
	} {
		_, err := database(t, arguments)
		wrong, ok := errors.AsType[*eval.Error](err)
		if !ok || len(wrong.Problems) != 1 || wrong.Problems[0].Message != want || wrong.Problems[0].Position.Line != 4 {
			t.Errorf("%s:\n got %v\nwant %s", arguments, err, want)
		}
	}
}

// Settings of the user's come into the file as the server reads them.
func TestMySQLSettings(t *testing.T) {
	e := loadDatabase(t, `settings = {"innodb_flush_log_at_trx_commit": 2, "disable_log_bin": False}, max_connections = 40, buffer_pool = "300MiB"`)
	data, err := json.Marshal(e.Services[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`\nmax-connections=40\n`, `\ninnodb-flush-log-at-trx-commit=2\n`, `\ndisable-log-bin=OFF\n`, `"name":"DEPLOYER_BUFFER_POOL","value":{"kind":"literal","text":"314572800"`,
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in %s", want, data)
		}
	}
}

// A server that runs elsewhere is a value: nothing is declared.
func TestMySQLExternal(t *testing.T) {
	e := loadDatabase(t, ``)
	before := len(e.Services) + len(e.Tasks) + len(e.Rotations)
	e = loadDatabase(t, `)
other = mysql_external(host = "db.example.com", port = 3307, user = "u", password = pw, database = "d")
config_file(name = "other", host = web, path = "/other", content = other.url`)
	if got := e.Files[0].Content.String(); got != "mysql://u:%28secret%20PW%29@db.example.com:3307/d" {
		t.Errorf("URL %s", got)
	}
	if after := len(e.Services) + len(e.Tasks) + len(e.Rotations); after != before {
		t.Errorf("%d things are declared, %d without it", after, before)
	}
}
