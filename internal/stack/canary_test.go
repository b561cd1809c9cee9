package stack

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// spellings are how a secret may look where it does not belong.
func spellings(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		panic(err) // of a string
	}
	plain := strings.Trim(string(quoted), `"`)
	return []string{
		secret, plain, strings.ReplaceAll(plain, `\u0026`, "&"), url.QueryEscape(secret), url.PathEscape(secret),
		strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"), base64.StdEncoding.EncodeToString([]byte(secret)),
	}
}

// shows reports whether content has the secret in it.
func shows(content []byte, secret string) bool {
	for _, s := range spellings(secret) {
		if bytes.Contains(content, []byte(s)) {
			return true
		}
	}
	return false
}

// leaks looks for a secret in everything of the world but the files that are
// meant to hold it: logs, data, other files, and the arguments and variables of
// every process.
func (w *world) leaks(secret string, meant ...string) (places []string) {
	w.t.Helper()
	for _, tree := range []string{"files", "data"} {
		err := filepath.WalkDir(filepath.Join(w.dir, tree), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			for _, m := range meant {
				if strings.HasSuffix(path, m) {
					return nil
				}
			}
			places = append(places, w.showing(path, secret)...)
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
	}
	for name := range w.running {
		places = append(places, w.showing(w.running[name].log, secret)...)
		for _, file := range []string{"cmdline", "environ"} {
			for _, pid := range descendants(w.running[name].pid) {
				places = append(places, w.showing(fmt.Sprintf("/proc/%s/%s", pid, file), secret)...)
			}
		}
	}
	return places
}

func (w *world) showing(path, secret string) []string {
	content, err := os.ReadFile(path)
	if err == nil && shows(content, secret) {
		return []string{path}
	}
	return nil
}

// descendants are a process and all that it has started.
func descendants(pid int) (pids []string) {
	todo := []string{fmt.Sprint(pid)}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		pids = append(pids, next)
		children, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", next, next))
		if err == nil {
			todo = append(todo, strings.Fields(string(children))...)
		}
	}
	return pids
}
