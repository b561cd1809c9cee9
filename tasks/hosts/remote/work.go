package remote

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// Deadlines of long operations that bring none of their own.
const (
	transferDeadline = 30 * time.Minute // packages and images
	serviceDeadline  = 5 * time.Minute
	runDeadline      = 10 * time.Minute
)

// work returns how a long operation goes down.
func (m *Machine) work(operation hosts.Operation) (work, error) {
	switch o := operation.(type) {
	case hosts.InstallPackages:
		for _, name := range o.Names {
			if !packageName(name) {
				return work{}, fmt.Errorf("package %q: no name of a package", name)
			}
		}
		// Cut short, it would leave packages half installed.
		return work{text: command(append([]string{"install_packages"}, o.Names...)...), patient: true, deadline: transferDeadline}, nil
	case hosts.SetUnit:
		return work{text: command("set_unit", o.Name, yes(o.Enabled), o.Action), deadline: serviceDeadline}, nil
	case hosts.PullImage:
		return work{text: command("pull_image", o.Reference, yes(o.Always)), deadline: transferDeadline}, nil
	case hosts.ComposeUp:
		words := []string{"compose_up", o.Project, o.Directory, yes(o.Recreate), seconds(o.Timeout, 60), seconds(o.Settle, 0)}
		return work{text: command(append(words, o.Services...)...), deadline: o.Timeout + o.Settle + serviceDeadline}, nil
	case hosts.ComposeDown:
		return work{text: command(append([]string{"compose_down", o.Project}, o.Services...)...), deadline: serviceDeadline}, nil
	case hosts.ComposeAction:
		return work{text: command(append([]string{"compose_action", o.Project, o.Action}, o.Services...)...), deadline: serviceDeadline}, nil
	case hosts.ComposeReload:
		words := []string{"compose_reload", o.Project, o.Service, seconds(o.Timeout, 60), seconds(o.Settle, 0), strconv.Itoa(len(o.Binds))}
		for _, b := range o.Binds {
			words = append(words, b.Source, b.Target)
		}
		return work{text: command(append(words, o.Argv...)...), deadline: 2*o.Timeout + o.Settle + serviceDeadline}, nil
	case hosts.Run:
		return m.runWork(o)
	}
	return work{}, fmt.Errorf("%w: operation %T", hosts.ErrUnsupported, operation)
}

// packageName reports whether dpkg could have a package of that name; what is
// not cannot be taken for an option either.
func packageName(name string) bool {
	return regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*(:[a-z0-9]+)?$`).MatchString(name)
}

// variable reports whether name can be the name of an environment variable.
func variable(name string) bool {
	return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name)
}

// seconds rounds up to whole seconds; 0 is otherwise.
func seconds(d time.Duration, otherwise int) string {
	if d <= 0 {
		return strconv.Itoa(otherwise)
	}
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// runWork is the program of a user's command: a shell that becomes it.
func (m *Machine) runWork(o hosts.Run) (work, error) {
	if len(o.Argv) == 0 {
		return work{}, errors.New("there is nothing to run")
	}
	w := work{input: o.Input, deadline: o.Timeout, raw: true}
	if w.deadline <= 0 {
		w.deadline = runDeadline
	}
	text := "export PATH=\"$login_path\"\nunset LC_ALL login_path\n"
	argv := append([]string{}, o.Argv...)
	if o.Root {
		text += "cd /root 2>/dev/null || cd /\nexport HOME=/root USER=root LOGNAME=root\n"
	} else {
		login := m.target.User
		if !regexp.MustCompile(`^[a-z_][a-z0-9_.-]*$`).MatchString(login) {
			return work{}, fmt.Errorf("login user %q: not a name that a shell expands", login)
		}
		text += fmt.Sprintf("cd ~%s || cd /\nexport HOME=~%s USER=%s LOGNAME=%s\n", login, login, login, login)
		if login != "root" {
			argv = append([]string{"setpriv", "--reuid=" + login, "--regid=GROUP", "--init-groups", "--", "sh", "-c", `exec "$@"`, "sh"}, argv...)
		}
	}
	for _, entry := range o.Env {
		name, value, _ := strings.Cut(entry, "=")
		if !variable(name) {
			return work{}, fmt.Errorf("environment variable %q: no name of a variable", name)
		}
		text += "export " + name + "=" + quote(value) + "\n"
	}
	line := "exec " + command(argv...)
	w.text = text + strings.Replace(line, "'--regid=GROUP'", `--regid="$(id -g `+m.target.User+`)"`, 1)
	if strings.ContainsRune(w.text, 0) {
		return work{}, errors.New("an argument or variable has a NUL in it")
	}
	return w, nil
}
