package simulated

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

func (m *Machine) saveRelease(o hosts.SaveRelease) (hosts.Result, error) {
	numbers, err := m.releases()
	if err != nil {
		return hosts.Result{}, err
	}
	newest := 0
	if len(numbers) > 0 {
		newest = numbers[len(numbers)-1]
	}
	now, err := tree(m.at(o.Directory))
	if err != nil {
		return hosts.Result{}, err
	}
	changed := false
	if saved, err := tree(m.release(newest)); newest == 0 || err != nil || !equal(now, saved) {
		newest++
		if err := m.copyRelease(newest, now); err != nil {
			return hosts.Result{}, err
		}
		numbers = append(numbers, newest)
		changed = true
	}
	for o.Keep > 0 && len(numbers) > o.Keep {
		if err := os.RemoveAll(m.release(numbers[0])); err != nil {
			return hosts.Result{}, plain(err)
		}
		numbers = numbers[1:]
		changed = true
	}
	recorded, err := m.recordRelease(newest)
	return hosts.Result{
		Changed: changed || recorded,
		Values:  map[string]string{"release": strconv.Itoa(newest)},
	}, err
}

func (m *Machine) recordRelease(number int) (bool, error) {
	before, err := m.manifest()
	if err != nil {
		return false, err
	}
	after := before.Clone()
	after.Release = number
	return m.writeManifest(before, after)
}

func (m *Machine) release(number int) string {
	return m.at(fmt.Sprintf("%s/%d", hosts.ReleasesDirectory, number))
}

// releases returns the numbers of the releases in order.
func (m *Machine) releases() ([]int, error) {
	entries, err := os.ReadDir(m.at(hosts.ReleasesDirectory))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, plain(err)
	}
	var numbers []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// copyRelease writes files beside the releases and renames them into place.
func (m *Machine) copyRelease(number int, files map[string][]byte) error {
	fresh := m.at(hosts.ReleasesDirectory + "/.new")
	if err := os.RemoveAll(fresh); err != nil {
		return plain(err)
	}
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return plain(err)
	}
	for name, data := range files {
		at := filepath.Join(fresh, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return plain(err)
		}
		if err := os.WriteFile(at, data, 0o644); err != nil {
			return plain(err)
		}
	}
	return plain(os.Rename(fresh, m.release(number)))
}

// tree reads every file below dir but those in its directory "data".
func tree(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return plain(err)
		}
		name := strings.TrimPrefix(strings.TrimPrefix(at, dir), "/")
		if e.IsDir() && name == "data" {
			return fs.SkipDir
		}
		if e.Type().IsRegular() {
			files[name], err = os.ReadFile(at)
		}
		return err
	})
	return files, err
}

func equal(a, b map[string][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for name, data := range a {
		other, ok := b[name]
		if !ok || !bytes.Equal(data, other) {
			return false
		}
	}
	return true
}
