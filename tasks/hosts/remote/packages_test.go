package remote_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A package source on the sandbox's own disk, with one small package in it.
// What the machine knew of its sources is forgotten.
const packageSource = `set -e
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
mkdir -p /opt/source /opt/build/DEBIAN /opt/build/opt/parrot
cd /opt/build
printf 'Package: torrust-parrot\nVersion: 1.2-3\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: says what it is told\n' >DEBIAN/control
printf '#!/bin/sh\ntest "$DEBIAN_FRONTEND" = noninteractive\n' >DEBIAN/postinst
chmod 755 DEBIAN/postinst
echo hello >opt/parrot/word
dpkg-deb --root-owner-group -b . /opt/source/parrot.deb >/dev/null
cd /opt/source
{ cat /opt/build/DEBIAN/control
  echo "Filename: ./parrot.deb"
  echo "Size: $(stat -c %s parrot.deb)"
  echo "SHA256: $(sha256sum parrot.deb | cut -d' ' -f1)"
} >Packages
echo 'deb [trusted=yes] file:/opt/source ./' >/etc/apt/sources.list
`

func TestPackages(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	check(t, s.inside("sh", "-c", packageSource).Run())
	m := s.dial(t, "torrust")
	install := hosts.InstallPackages{Names: []string{"torrust-parrot", "sudo"}}
	for _, changed := range []bool{true, false} {
		if r := apply(t, m, install); r[0].Changed != changed {
			t.Errorf("changed is %v, want %v", r[0].Changed, changed)
		}
	}
	q := hosts.PackageQuery{Names: []string{"torrust-parrot"}}
	f, _ := hosts.Find[*hosts.PackageFact](observe(t, m, q), q)
	if f.Versions["torrust-parrot"] != "1.2-3" {
		t.Errorf("installed is %v", f.Versions)
	}
	_, err := m.Apply(t.Context(), []hosts.Operation{hosts.InstallPackages{Names: []string{"no-such-package"}}}, nil)
	if err == nil || !strings.Contains(err.Error(), "web: install no-such-package: ") || !strings.Contains(err.Error(), "Unable to locate package no-such-package") {
		t.Errorf("a package that nobody has: %v", err)
	}
	_, err = m.Apply(t.Context(), []hosts.Operation{hosts.InstallPackages{Names: []string{"-o=Dir::Etc"}}}, nil)
	if step, ok := errors.AsType[*hosts.StepError](err); !ok || !strings.Contains(step.Error(), "no name of a package") {
		t.Errorf("an option for a name: %v", err)
	}
}
