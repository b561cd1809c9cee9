package main

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// iterations and keyLength of the hash are those of Grafana.
const (
	iterations = 10000
	keyLength  = 50
)

// An admin is the only user. It lives in a file, which the server and the
// command line tool share.
type admin struct {
	Login string `json:"login"`
	Salt  []byte `json:"salt"`
	Hash  []byte `json:"hash"`
}

func databaseOf(s settings) string { return filepath.Join(s["paths.data"], "grafana-standin.json") }

// initialise makes the admin unless there is one. It reports whether it did.
func initialise(s settings) (bool, error) {
	path := databaseOf(s)
	_, err := load(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	a := admin{Login: s["security.admin_user"]}
	if err := a.setPassword(s["security.admin_password"]); err != nil {
		return false, err
	}
	return true, a.save(path)
}

func load(path string) (admin, error) {
	var a admin
	data, err := os.ReadFile(path)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

func (a admin) save(path string) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// setPassword refuses what Grafana calls too short: fewer than five bytes.
func (a *admin) setPassword(password string) error {
	if len(password) <= 4 {
		return errors.New("new password is too short")
	}
	a.Salt = make([]byte, 10)
	rand.Read(a.Salt)
	var err error
	a.Hash, err = hash(password, a.Salt)
	return err
}

func hash(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, salt, iterations, keyLength)
}

func (a admin) takes(login, password string) bool {
	sum, err := hash(password, a.Salt)
	return err == nil && login == a.Login && subtle.ConstantTimeCompare(sum, a.Hash) == 1
}

// Five wrong passwords within five minutes shut a user out for the rest of
// them, as Grafana's protection against brute force does.
const (
	mostAttempts = 5
	attemptsFor  = 5 * time.Minute
)

// attempts remembers wrong passwords, by login.
type attempts struct {
	mu    sync.Mutex
	wrong map[string][]time.Time
}

// allowed reports whether login may try once more.
func (t *attempts) allowed(login string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	recent := t.wrong[login][:0]
	for _, at := range t.wrong[login] {
		if now.Sub(at) < attemptsFor {
			recent = append(recent, at)
		}
	}
	t.wrong[login] = recent
	return len(recent) < mostAttempts
}

// record remembers how an attempt went: a right one forgets the wrong ones.
func (t *attempts) record(login string, right bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if right {
		delete(t.wrong, login)
		return
	}
	t.wrong[login] = append(t.wrong[login], now)
}
