package stack

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const (
	mysqlServer   = "/etc/torrust-tracker-deployer/mysql/server.sh"
	mysqlPassword = "p@ss:w/0rd#%"
	mysqlRoot     = `r"o\o#t 'pw`
)

// newDatabase makes a machine with a mysql of these further arguments, and
// what else is declared. Nothing runs yet.
func newDatabase(t *testing.T, arguments, more string) *world {
	t.Helper()
	e := evaluate(t, `load("@torrust//mysql.star", "mysql")
db = mysql(name = "mysql", host = web, database = "torrust_tracker", password = secret("PW"), root_password = secret("ROOT"), memory = "512MiB", buffer_pool = "64MiB", `+
		arguments+")\n"+more)
	return newWorld(t, e, map[string]string{"PW": mysqlPassword, "ROOT": mysqlRoot, "TRACKER_ADMIN_TOKEN": "sword-fish"})
}

// up starts a service and waits until it is healthy.
func (w *world) up(name string) {
	w.t.Helper()
	if c := w.running[name]; c.root == "" {
		w.launch(c.service)
	} else {
		w.relaunch(name)
	}
	w.await(name+" is healthy", func() error { return w.healthy(name) })
}

// ends starts mysql and waits until it has ended; what it said is returned.
func (w *world) ends() string {
	w.t.Helper()
	w.forget()
	if c := w.running["mysql"]; c.root == "" {
		w.launch(c.service)
	} else {
		w.relaunch("mysql")
	}
	w.await("mysql ends", func() error {
		select {
		case <-w.running["mysql"].done:
			return nil
		default:
			return fmt.Errorf("it runs:\n%s", w.logs("mysql"))
		}
	})
	return w.logs("mysql")
}

// forget empties the log.
func (w *world) forget() { os.Truncate(w.running["mysql"].log, 0) }

// halt stops a service as docker does, without the kill in the end.
func (w *world) halt(name string) {
	w.t.Helper()
	if _, err := w.exec(name, "sh", "-c", "kill -TERM 1"); err != nil {
		w.t.Fatal(err)
	}
	w.await(name+" has ended", func() error {
		select {
		case <-w.running[name].done:
			return nil
		default:
			return fmt.Errorf("it runs:\n%s", w.logs(name))
		}
	})
}

// sql executes statements over a connection: as root over the socket, as anybody
// else over TCP.
func (w *world) sql(user, password, sql string) (string, error) {
	way := "--protocol=tcp"
	if user == "root" {
		way = "--protocol=socket"
	}
	return w.exec("mysql", "mysql", way, "--batch", "--skip-column-names", "--user="+user, "--password="+password, "--execute="+sql)
}

// answer is sql that has to succeed.
func (w *world) answer(user, password, sql string) string {
	w.t.Helper()
	said, err := w.sql(user, password, sql)
	if err != nil {
		w.t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.Split(said, "\n"), func(line string) bool {
		return line == "" || strings.Contains(line, "[Warning] Using a password")
	})
	return strings.Join(lines, "\n")
}

// data is the directory of mysql's data, or with "system" of its record.
func (w *world) data(disk string) string { return filepath.Join(w.dir, "data"+disk, "mysql") }

// The user gets its database and nothing else, root stays inside, no password
// is in a log, an argument or a variable, and another start changes nothing
// but what is declared anew.
func TestMySQLIsWhatIsDeclared(t *testing.T) {
	w := newDatabase(t, "", "")
	w.up("mysql")
	if got, want := w.answer("root", mysqlRoot, "SELECT user, host FROM mysql.user WHERE user NOT LIKE 'mysql.%' ORDER BY user"), "root\tlocalhost\ntorrust\t%"; got != want {
		t.Errorf("accounts:\n%s\nwant\n%s", got, want)
	}
	if got, want := w.answer("root", mysqlRoot, "SHOW GRANTS FOR 'torrust'@'%'"), "GRANT USAGE ON *.* TO `torrust`@`%`\n"+
		"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, REFERENCES, INDEX, ALTER ON `torrust\\\\_tracker`.* TO `torrust`@`%`"; got != want {
		t.Errorf("rights:\n%s\nwant\n%s", got, want)
	}
	if said, err := w.sql("torrust", mysqlPassword, "CREATE DATABASE another"); err == nil || !strings.Contains(said, "Access denied") {
		t.Errorf("another database: %s", said)
	}
	if said, err := w.exec("mysql", "mysql", "--protocol=tcp", "--host="+w.running["mysql"].address, "--user=root", "--password="+mysqlRoot, "--execute=SELECT 1"); err == nil {
		t.Errorf("root from elsewhere: %s", said)
	}
	if got := w.answer("torrust", mysqlPassword, "SELECT @@character_set_server, @@log_bin"); got != "utf8mb4\t0" {
		t.Errorf("settings: %s", got)
	}
	w.answer("torrust", mysqlPassword, "CREATE TABLE torrust_tracker.kept (n INT); INSERT INTO torrust_tracker.kept VALUES (7)")
	w.noSecret(mysqlPassword, mysqlRoot)

	w.halt("mysql")
	w.up("mysql")
	if got := w.answer("torrust", mysqlPassword, "SELECT n FROM torrust_tracker.kept"); got != "7" {
		t.Errorf("after a restart: %q", got)
	}
	w.noSecret(mysqlPassword, mysqlRoot)
	dump, err := w.exec("mysql", "sh", mysqlServer, "dump")
	if err != nil || !strings.Contains(dump, "INSERT INTO `kept` VALUES\n(7);") && !strings.Contains(dump, "INSERT INTO `kept` VALUES (7);") || !strings.Contains(dump, "-- Dump completed on ") {
		t.Errorf("dump: %v\n%s", err, dump)
	}
}

// noSecret looks for values in the log and in what the processes of mysql show
// of themselves.
func (w *world) noSecret(values ...string) {
	w.t.Helper()
	seen, err := w.exec("mysql", "sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ; true")
	if err != nil || !strings.Contains(seen, "mysqld") {
		w.t.Fatalf("processes: %q, %v", seen, err)
	}
	for _, v := range values {
		if strings.Contains(seen, v) {
			w.t.Errorf("%s is in an argument or a variable", v)
		}
		if strings.Contains(w.logs("mysql"), v) {
			w.t.Errorf("%s is in the log", v)
		}
	}
}

// Killed at any moment of its first start, it has a whole database after the
// next one.
func TestMySQLKilledWhileItIsMade(t *testing.T) {
	w := newDatabase(t, "", "")
	for _, moment := range []string{
		"Entrypoint script", "Initializing database files", "Server Initialization - end", "Starting temporary server",
		"Temporary server started", "sourcing /docker-entrypoint-initdb.d", "Received SHUTDOWN", "Shutdown complete", "port: 3306",
	} {
		w.run("rm", "-rf", w.data(""), w.data("system"))
		w.running["mysql"].root = "" // its directories are made again
		w.run("rm", "-rf", filepath.Join(w.dir, "root-mysql"))
		w.forget()
		w.launch(w.running["mysql"].service)
		w.await("mysql says "+moment, func() error {
			if !strings.Contains(w.logs("mysql"), moment) {
				return fmt.Errorf("not yet:\n%s", w.logs("mysql"))
			}
			return nil
		})
		w.stop("mysql")
		w.up("mysql")
		if got := w.answer("torrust", mysqlPassword, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'torrust_tracker'"); got != "1" {
			t.Errorf("killed at %q: %s databases", moment, got)
		}
		w.answer("root", mysqlRoot, "SELECT 1")
		w.stop("mysql")
	}
}

// Data that is not the machine's own is refused and stays as it is: an empty
// directory, other files, another database. A machine that is new takes over a
// database that it finds.
func TestMySQLRefusesOtherData(t *testing.T) {
	w := newDatabase(t, "", "")
	w.up("mysql")
	w.answer("torrust", mysqlPassword, "CREATE TABLE torrust_tracker.kept (n INT)")
	w.halt("mysql")
	data, away := w.data(""), filepath.Join(w.dir, "away")
	refused := func(want string) {
		t.Helper()
		said := w.ends()
		if !strings.Contains(said, want) || !strings.Contains(said, "\nhint: ") {
			t.Errorf("want %q and a hint in\n%s", want, said)
		}
	}

	w.run("sh", "-c", `mkdir "$1" && mv "$0"/* "$0"/.t* "$1"`, data, away)
	refused("is empty, but this machine has initialised a database")
	if left, err := os.ReadDir(data); err != nil || len(left) > 0 {
		t.Errorf("in the empty directory is %v, %v", left, err)
	}
	w.run("touch", data+"/file")
	refused("holds other files than this machine's database")
	w.run("rm", data+"/file")

	w.run("sh", "-c", `mv "$1"/* "$1"/.t* "$0"`, data, away)
	w.up("mysql")
	w.answer("torrust", mysqlPassword, "SELECT * FROM torrust_tracker.kept")
	w.halt("mysql")

	record := w.data("system") + "/initialised"
	w.run("cp", record, away)
	w.run("sh", "-c", `echo 11111111-1111-1111-1111-111111111111 > "$0"`, record)
	refused("holds another database")
	w.run("rm", record)
	w.up("mysql")
	w.answer("torrust", mysqlPassword, "SELECT * FROM torrust_tracker.kept")
	was, _ := os.ReadFile(away + "/initialised")
	if is, err := os.ReadFile(record); string(is) != string(was) {
		t.Errorf("the record is %q, %v, want %q", is, err, was)
	}
	w.halt("mysql")

	w.run("rm", record, data+"/.torrust-tracker-deployer")
	refused("holds files, but no database that this program made")
}

// A disk that is full while the database is made ends in a message; with room
// it is made.
func TestMySQLOnAFullDisk(t *testing.T) {
	w := newDatabase(t, "", "")
	data := w.data("")
	w.run("mkdir", "-p", data)
	w.run("mount", "-t", "tmpfs", "-o", "size=40m,mode=0700,uid=999,gid=999", "tmpfs", data)
	t.Cleanup(func() { syscall.Unmount(data, syscall.MNT_DETACH) })
	if said := w.ends(); !strings.Contains(said, "the database could not be initialised") || !strings.Contains(said, "No space left") && !strings.Contains(said, "space") {
		t.Errorf("it said\n%s", said)
	}
	w.run("mount", "-o", "remount,size=400m", data)
	w.up("mysql")
	w.answer("torrust", mysqlPassword, "SELECT 1")
}

// From whatever an interrupted rotation left, its steps lead to the new
// password, the old one works until finish, and not after it.
func TestMySQLRotation(t *testing.T) {
	w := newDatabase(t, "", "")
	w.up("mysql")
	now := map[string]string{"user": mysqlPassword, "root": mysqlRoot}
	accounts := map[string]string{"user": "torrust", "root": "root"}
	step := func(step, who, old, new string) (string, error) {
		words := []string{old, new}
		if who == "user" {
			words = slices.Insert(words, 0, now["root"])
		}
		return w.exec("mysql", slices.Concat([]string{"sh", "-c", `printf '%s\n' "$@" | sh "$0" rotate ` + step + " " + who, mysqlServer}, words)...)
	}
	works := func(who, password string) bool {
		_, err := w.sql(accounts[who], password, "SELECT 1")
		return err == nil
	}
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	// What an interrupted rotation may have done before: statements, of an
	// account, its old and its new password.
	states := []string{
		"",
		"ALTER USER %[1]s IDENTIFIED BY '%[2]s'",
		"ALTER USER %[1]s IDENTIFIED BY '%[3]s' RETAIN CURRENT PASSWORD",
		"ALTER USER %[1]s IDENTIFIED BY 'third' RETAIN CURRENT PASSWORD",
		"ALTER USER %[1]s IDENTIFIED BY '%[3]s'",
	}
	for _, who := range slices.Sorted(maps.Keys(now)) {
		account := map[string]string{"user": "'torrust'@'%'", "root": "'root'@'localhost'"}[who]
		for i, state := range states {
			old, new := now[who], fmt.Sprintf(`n%dw'"\#%% @`, i)
			root := now["root"]
			if state != "" {
				w.answer("root", root, fmt.Sprintf(state, account, quoted.Replace(old), quoted.Replace(new)))
			}
			retained := i < len(states)-1
			for range 2 {
				if said, err := step("apply", who, old, new); err != nil {
					t.Fatalf("%s, state %d: apply: %v", who, i, err)
				} else if strings.Contains(said, old) || strings.Contains(said, new) {
					t.Errorf("apply shows a password: %s", said)
				}
				if !works(who, new) || retained && !works(who, old) {
					t.Errorf("%s, state %d: after apply the new one works: %v, the old one: %v", who, i, works(who, new), works(who, old))
				}
				w.halted(i == 2)
			}
			if _, err := step("verify", who, old, new); err != nil {
				t.Errorf("%s, state %d: verify: %v", who, i, err)
			}
			for range 2 {
				if _, err := step("finish", who, old, new); err != nil {
					t.Errorf("%s, state %d: finish: %v", who, i, err)
				}
				if !works(who, new) || works(who, old) {
					t.Errorf("%s, state %d: after finish the new one works: %v, the old one: %v", who, i, works(who, new), works(who, old))
				}
			}
			now[who] = new
		}
	}
	if _, err := step("verify", "user", "x", "never"); err == nil {
		t.Error("verify of a password that nobody has set succeeds")
	}
	if _, err := step("apply", "root", "x", "never"); err == nil || !strings.Contains(err.Error(), "neither the old nor the new password of root works") {
		t.Errorf("root's password from nothing: %v", err)
	}
	// The file still has the first password: the check says what happened.
	if err := w.healthy("mysql"); err == nil || !strings.Contains(err.Error(), "hint: the password of torrust was changed") {
		t.Errorf("check with an old file: %v", err)
	}
}

// halted kills and starts the server in the middle of what a test does.
func (w *world) halted(really bool) {
	if !really {
		return
	}
	w.t.Helper()
	w.stop("mysql")
	w.relaunch("mysql")
	w.await("mysql answers", func() error {
		_, err := w.exec("mysql", "sh", "-c", "mysqladmin --protocol=tcp --user=nobody ping")
		return err
	})
}

// The tracker's completed downloads are kept in MySQL across a restart of
// both. (Version 3.0.0 writes them and never reads them back: its own count
// begins at 0 again.)
func TestTrackerOnMySQL(t *testing.T) {
	w := newDatabase(t, "", `tracker(name = "tracker", host = web, database = db, persistent_completed = True)`)
	w.up("mysql")
	w.up("tracker")
	announce := func(hash, event string) {
		t.Helper()
		body, err := w.get("http://tracker:7070/announce?info_hash=" + hash + "&peer_id=-XX0000-123456789012&port=6881&uploaded=0&downloaded=10&compact=1&event=" + event)
		if err != nil || strings.Contains(body, "failure") {
			t.Fatalf("announce: %q, %v", body, err)
		}
	}
	const first, second = "aaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbb"
	kept := func(want string) {
		t.Helper()
		if got := w.answer("torrust", mysqlPassword, "SELECT LEFT(UNHEX(info_hash), 1), completed FROM torrust_tracker.torrents ORDER BY 1"); got != want {
			t.Errorf("in the database is %q, want %q", got, want)
		}
	}
	announce(first, "started&left=10")
	kept("a\t0")
	announce(first, "completed&left=0")
	kept("a\t1")
	w.stop("tracker")
	w.halt("mysql")
	w.up("mysql")
	w.up("tracker")
	kept("a\t1")
	announce(second, "started&left=10")
	announce(second, "completed&left=0")
	kept("a\t1\nb\t1")
}
