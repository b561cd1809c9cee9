package stack

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/internal/lab/trackerconfig"
)

// generations are the real tracker 3.0.0 and the stand-in for the development
// generation, and what of their configurations has which name.
var generations = []struct {
	name, schema, other string
	level               string // the mandatory key of [logging]
}{
	{"3.0", trackerconfig.Released, trackerconfig.Development, "threshold"},
	{"develop", trackerconfig.Development, trackerconfig.Released, "trace_filter"},
}

var trackerSecrets = map[string]string{"TRACKER_ADMIN_TOKEN": "sword+fish/ 7", "SCRAPE": "look-only"}

// written returns the text of the service's only file.
func written(w *world, s environments.Service) string { return w.render(*s.Files[0].Content) }

// Each generation accepts the configuration that the library makes for it, and
// so does its schema. Another schema version and a missing key end both, an
// unknown key is refused by the schema and by the development generation; the
// released one ignores it.
func TestTrackerAcceptsItsConfiguration(t *testing.T) {
	for _, g := range generations {
		t.Run(g.name, func(t *testing.T) {
			e := evaluate(t, fmt.Sprintf(`tracker(name = "tracker", host = web, generation = %q, udp = [6969, 6868], tokens = {"prometheus": secret("SCRAPE")},
				announce_interval = 300, external_ip = "203.0.113.7", persistent_completed = True)`, g.name))
			w := newWorld(t, e, trackerSecrets)
			good := written(w, e.Services[0])
			cases := []struct {
				name, text       string
				schema, accepted bool
			}{
				{"as it is", good, true, true},
				{"another schema version", strings.Replace(good, "'"+g.schema+"'", "'"+g.other+"'", 1), false, false},
				{"without core.private", strings.Replace(good, "private = false\n", "", 1), false, false},
				{"without logging." + g.level, strings.Replace(good, g.level+" = 'warn'\n", "", 1), false, false},
				{"an unknown key", strings.Replace(good, "[core]\n", "[core]\nshiny = true\n", 1), false, g.name == "3.0"},
			}
			for _, c := range cases {
				if c.text == good && c.name != "as it is" {
					t.Fatalf("%s: nothing was changed in\n%s", c.name, good)
				}
				if _, err := trackerconfig.Parse(g.schema, []byte(c.text)); (err == nil) != c.schema {
					t.Errorf("%s: the schema says %v", c.name, err)
				}
				if err := w.takes(e.Services[0], c.text); (err == nil) != c.accepted {
					t.Errorf("%s: the tracker says %v", c.name, err)
				}
			}
		})
	}
}

// takes starts a tracker with a configuration and returns why it ended, nil
// when it is healthy.
func (w *world) takes(s environments.Service, text string) (failure error) {
	w.t.Helper()
	content := environments.Text(text)
	s.Files = []environments.Mount{s.Files[0]}
	s.Files[0].Content = &content
	w.running[s.Name].service = s
	w.launch(s)
	defer w.stop(s.Name)
	w.await("the tracker is healthy or ends", func() error {
		err := w.healthy(s.Name)
		if ended, ok := err.(fatal); ok {
			failure = ended
			return nil
		}
		return err
	})
	return failure
}

// trackerTarget runs a target of a tracker as it would run on the machine, with
// arguments in the place of what the command line says.
func (w *world) trackerTarget(e *environments.Environment, service, name string, arguments map[string]string) (string, error) {
	w.t.Helper()
	task, ok := e.Task(name)
	if !ok {
		w.t.Fatalf("there is no target %s", name)
	}
	render := func(v environments.Value) string {
		text, err := v.Render(func(leaf environments.Value) (string, error) {
			if leaf.Kind != environments.Argument {
				return w.lookup(leaf)
			}
			if value, given := arguments[leaf.Name]; given {
				return value, nil
			}
			for _, o := range task.Args {
				if o.Name == leaf.Name && o.Default != nil {
					return *o.Default, nil
				}
			}
			return "", fmt.Errorf("argument %s has no value", leaf.Name)
		})
		if err != nil {
			w.t.Fatal(err)
		}
		return text
	}
	argv := []string{"-n", "19", "ip", "netns", "exec", w.prefix + service}
	for _, word := range task.Run[0] {
		argv = append(argv, render(word))
	}
	cmd := exec.CommandContext(w.t.Context(), "nice", argv...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, v := range task.Env {
		cmd.Env = append(cmd.Env, v.Name+"="+render(v.Value))
	}
	cmd.Stdin = strings.NewReader(render(*task.Stdin))
	said, err := cmd.CombinedOutput()
	if err != nil {
		return string(said), fmt.Errorf("%s: %w: %s", name, err, said)
	}
	return strings.TrimSpace(string(said)), nil
}

const (
	announced = "http://tracker:7070/announce%s?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=6881&uploaded=0&downloaded=0&left=1&compact=1"
	infoHash  = "6161616161616161616161616161616161616161"
)

// The targets work on the running API of both generations: a torrent is served
// as soon as it is on the whitelist, and no more when it is off.
func TestTrackerWhitelistTarget(t *testing.T) {
	for _, g := range generations {
		t.Run(g.name, func(t *testing.T) {
			e := evaluate(t, fmt.Sprintf(`tracker(name = "tracker", host = web, generation = %q, listed = True)`, g.name))
			w := newWorld(t, e, trackerSecrets)
			w.start(e)
			w.announces("", false)
			w.must(e, "tracker-whitelist", map[string]string{"info_hash": infoHash}, infoHash+" is on the whitelist")
			w.announces("", true)
			w.must(e, "tracker-whitelist", map[string]string{"info_hash": infoHash, "action": "remove"}, infoHash+" is not on the whitelist")
			w.announces("", false)
			said, err := w.trackerTarget(e, "tracker", "tracker-whitelist", map[string]string{"info_hash": "61"})
			if err == nil || !strings.Contains(said, "not 40 hexadecimal digits") {
				t.Errorf("a wrong hash: %v", err)
			}
			w.secrets = map[string]string{"TRACKER_ADMIN_TOKEN": "wrong"}
			said, err = w.trackerTarget(e, "tracker", "tracker-whitelist", map[string]string{"info_hash": infoHash})
			if err == nil || !strings.Contains(said, "the API answers with status 500") {
				t.Errorf("a wrong token: %q %v", said, err)
			}
		})
	}
}

// A private tracker serves who has a key, until it is taken back or expires.
func TestTrackerKeyTarget(t *testing.T) {
	const chosen = "abcdefghijklmnopqrstuvwxyz012345"
	for _, g := range generations {
		t.Run(g.name, func(t *testing.T) {
			e := evaluate(t, fmt.Sprintf(`tracker(name = "tracker", host = web, generation = %q, private = True, udp = [])`, g.name))
			w := newWorld(t, e, trackerSecrets)
			w.start(e)
			w.announces("", false)
			w.announces("/"+chosen, false)
			w.must(e, "tracker-key", map[string]string{"key": chosen}, `"key":"`+chosen+`"`)
			w.announces("/"+chosen, true)
			w.must(e, "tracker-key", map[string]string{"key": chosen, "action": "remove"}, "not valid any more")
			w.announces("/"+chosen, false)
			w.must(e, "tracker-key", map[string]string{"seconds": "60"}, `"expiry_time":"`+time.Now().UTC().Format("2006"))
		})
	}
}

func (w *world) must(e *environments.Environment, name string, arguments map[string]string, want string) {
	w.t.Helper()
	said, err := w.trackerTarget(e, "tracker", name, arguments)
	if err != nil || !strings.Contains(said, want) {
		w.t.Errorf("%s %v says %q (%v), want %q", name, arguments, said, err, want)
	}
}

// announces checks whether an announce with a key is served.
func (w *world) announces(key string, served bool) {
	w.t.Helper()
	body, err := w.get(fmt.Sprintf(announced, key))
	if err != nil {
		w.t.Fatal(err)
	}
	if got := !strings.Contains(body, "failure reason"); got != served {
		w.t.Errorf("an announce with key %q: %q", key, body)
	}
}
