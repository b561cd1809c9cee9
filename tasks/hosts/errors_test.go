package hosts

import (
	"errors"
	"testing"
)

// The hint is that of a known cause, else the last one that a program gave.
func TestHintOfAStepError(t *testing.T) {
	for _, c := range []struct {
		cause error
		want  string
	}{
		{errors.New("exit code 1"), ""},
		{errors.New("service \"db\" is restarting; its last lines:\ndb: no data\nhint: mount it\ndb: no data\n  hint: mount the disk\nbye"), "mount the disk"},
		{Explain("write: no space left on device\nhint: mount it"), "free space on web (df -h, docker system df) or give it a larger disk, then repeat the command"},
	} {
		if got := NewStepError("web", "up", c.cause).Next; got != c.want {
			t.Errorf("%v: hint %q, want %q", c.cause, got, c.want)
		}
	}
}
