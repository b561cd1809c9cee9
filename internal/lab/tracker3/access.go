package tracker3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"
)

// A key lets a client of a private tracker in.
type key struct {
	Key        string  `json:"key"`
	ValidUntil *int64  `json:"valid_until"` // seconds since 1970; nil = for ever
	Expiry     *string `json:"expiry_time"` // the same as RFC 3339
}

// access says who may announce what: keys and the whitelist. It reads the
// database at the start and when it is told to, not in between.
type access struct {
	config config
	store  store

	mu     sync.RWMutex
	valid  map[string]key
	listed map[infoHash]bool
}

func newAccess(ctx context.Context, c config, s store) (*access, error) {
	a := &access{config: c, store: s}
	return a, a.reload(ctx)
}

// reload reads keys and whitelist again.
func (a *access) reload(ctx context.Context) error {
	keys, err := a.store.keys(ctx)
	if err != nil {
		return err
	}
	list, err := a.store.whitelist(ctx)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.valid, a.listed = map[string]key{}, map[infoHash]bool{}
	for _, k := range keys {
		a.valid[k.Key] = k
	}
	for _, torrent := range list {
		a.listed[torrent] = true
	}
	return nil
}

// torrent says why a torrent is not served; nil when it is.
func (a *access) torrent(t infoHash) error {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.config.Core.Listed && !a.listed[t] {
		return fmt.Errorf("the torrent %x is not on the whitelist", t[:])
	}
	return nil
}

// key says why a client's key is not taken; nil when it is.
func (a *access) key(text string) error {
	if !a.config.Core.Private {
		return nil
	}
	if text == "" {
		return errors.New("authentication error: the key is missing")
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	k, known := a.valid[text]
	if !known {
		return errors.New("authentication error: the key is not known")
	}
	if k.ValidUntil != nil && a.config.Core.Keys.Expire && *k.ValidUntil < time.Now().Unix() {
		return errors.New("authentication error: the key has expired")
	}
	return nil
}

var keyRE = regexp.MustCompile(`^[0-9A-Za-z]{32}$`)

// addKey makes a key; text is nil for a random one, seconds nil for one that
// does not expire.
func (a *access) addKey(ctx context.Context, text *string, seconds *int64) (key, error) {
	k := key{Key: rand.Text() + rand.Text()}
	if k.Key = k.Key[:32]; text != nil {
		if k.Key = *text; !keyRE.MatchString(k.Key) {
			return k, errors.New("the key is not 32 letters and digits")
		}
	}
	if seconds != nil {
		at := time.Now().Add(time.Duration(*seconds) * time.Second)
		until, expiry := at.Unix(), at.UTC().Format(time.RFC3339Nano)
		k.ValidUntil, k.Expiry = &until, &expiry
	}
	if err := a.store.addKey(ctx, k); err != nil {
		return k, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.valid[k.Key] = k
	return k, nil
}

func (a *access) removeKey(ctx context.Context, text string) error {
	if err := a.store.removeKey(ctx, text); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.valid, text)
	return nil
}

// list puts a torrent on the whitelist or takes it off.
func (a *access) list(ctx context.Context, t infoHash, listed bool) error {
	if err := a.store.list(ctx, t, listed); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if listed {
		a.listed[t] = true
	} else {
		delete(a.listed, t)
	}
	return nil
}
