package remote_test

import (
	"testing"

	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/tasks/hosts/conformance"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"root", "torrust"} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			conformance.Run(t, func(t *testing.T) hosts.Machine { return s.dial(t, user) },
				conformance.Options{Commands: true, Accounts: true, Kernel: true})
		})
	}
}
