package vault_test

import (
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/tasks/vault"
)

// One key in a thousand begins as those of another kind do but for what ends
// their prefix.
func TestOrdinaryKeyThatBeginsAsAPostQuantumOne(t *testing.T) {
	const key = "age1pqeehv3vhn9uj5zqmmnz7jgx9tsctrh3vs6hnxqumjmkknxlxg9sps5hyl"
	if got, err := vault.ParseRecipient(key); err != nil || got != key {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := vault.ParseRecipient("age1pq1eehv3"); err == nil || !strings.Contains(err.Error(), "post-quantum") {
		t.Errorf("a post-quantum key: %v", err)
	}
}
