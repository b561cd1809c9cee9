package vault_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// versions returns what the three attributes of a secret answer.
func versions(t *testing.T, v *vault.Vault, s environments.Secret) [3]string {
	t.Helper()
	var all [3]string
	for i, which := range []string{environments.Current, environments.Outgoing, environments.Incoming} {
		var err error
		if all[i], err = v.Version(t.Context(), s, which, false); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestRotationIsReadByAnotherRunAtEachState(t *testing.T) {
	p := newProject(t)
	s := generate("DB", 20)
	old, err := p.open(t).Value(t.Context(), s, true)
	if err != nil {
		t.Fatal(err)
	}
	if got := versions(t, p.open(t), s); got != [3]string{old, old, old} {
		t.Error("without a rotation the three values differ")
	}
	if err := p.open(t).Rotate(t.Context(), s, "next"); err != nil {
		t.Fatal(err)
	}
	if err := p.open(t).Rotate(t.Context(), s, "yet another"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		state vault.State
		want  [3]string
		next  vault.State
	}{
		{vault.Pending, [3]string{old, old, "next"}, vault.Applied},
		{vault.Applied, [3]string{"next", old, "next"}, vault.Verified},
		{vault.Verified, [3]string{"next", old, "next"}, ""},
	} {
		v := p.open(t)
		if states, err := v.Rotations(); err != nil || states["DB"] != step.state {
			t.Errorf("state %q (%v), want %q", states["DB"], err, step.state)
		}
		if versions(t, v, s) != step.want {
			t.Errorf("%s: other values", step.state)
		}
		if values := v.Values(); !slices.Contains(values, old) || !slices.Contains(values, "next") {
			t.Errorf("%s: not all values would be kept out of output", step.state)
		}
		if rotating := (*vault.RotatingError)(nil); !errors.As(v.Replace(t.Context(), s, "x"), &rotating) ||
			!errors.As(v.Keep(t.Context(), map[string]string{"DB": "x"}, true), &rotating) {
			t.Errorf("%s: another value was taken", step.state)
		}
		if step.next == "" {
			err = v.Finish(t.Context(), s)
		} else {
			err = errors.Join(v.Advance(t.Context(), "DB", step.state, step.next))
			if v.Advance(t.Context(), "DB", step.state, step.next) == nil {
				t.Errorf("%s was left twice", step.state)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := versions(t, p.open(t), s); got != [3]string{"next", "next", "next"} {
		t.Error("afterwards the three values differ")
	}
}

func TestTurningBackExchangesTheValues(t *testing.T) {
	p := newProject(t)
	s := generate("DB", 20)
	v := p.open(t)
	old, err := v.Value(t.Context(), s, true)
	err = errors.Join(err, v.Rotate(t.Context(), s, "next"), v.Advance(t.Context(), "DB", vault.Pending, vault.Applied), v.TurnBack(t.Context(), "DB"))
	if err != nil {
		t.Fatal(err)
	}
	if states, _ := p.open(t).Rotations(); states["DB"] != vault.Pending || versions(t, p.open(t), s) != [3]string{"next", "next", old} {
		t.Errorf("state %q or other values", states["DB"])
	}
	if v.TurnBack(t.Context(), "OTHER") == nil {
		t.Error("what is not being rotated was turned back")
	}
}

func TestRetiredValuesAreRefused(t *testing.T) {
	p := newProject(t)
	p.env["DB"] = "one"
	s := environments.Secret{Declared: environments.Declared{Name: "DB"}}
	for _, next := range []string{"two", "three"} {
		if err := p.open(t).Replace(t.Context(), s, next); err != nil {
			t.Fatal(err)
		}
		delete(p.env, "DB") // what is kept counts
		if got, err := p.open(t).Value(t.Context(), s, false); err != nil || got != next {
			t.Errorf("another value (%v)", err)
		}
	}
	for value, retired := range map[string]bool{"one": true, "two": true, "three": false, "four": false} {
		p.env["DB"] = value
		got, err := p.open(t).Value(t.Context(), s, false)
		var refused *vault.RetiredError
		if errors.As(err, &refused) != retired || !retired && got != value {
			t.Errorf("%s: %v", value, err)
		}
	}
	p.env["DB"] = "three"
	if err := p.open(t).Replace(t.Context(), s, "three"); !errors.Is(err, vault.ErrSame) {
		t.Errorf("the same value: %v", err)
	}
	if err := p.open(t).Replace(t.Context(), s, "one"); err != nil { // back to an earlier one
		t.Fatal(err)
	}
	p.env["DB"] = "one"
	if got, err := p.open(t).Value(t.Context(), s, false); err != nil || got != "one" {
		t.Errorf("a value that is used again: %v", err)
	}
}

func TestACommandThatDoesNotEndIsGivenUp(t *testing.T) {
	p := newProject(t)
	options := p.options()
	options.Patience = 50 * time.Millisecond
	v, err := vault.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = v.Value(t.Context(), environments.Secret{Declared: environments.Declared{Name: "S"}, Command: []string{"sh", "-c", "sleep 30 & sleep 30"}}, false)
	var silent *vault.CommandError
	if !errors.As(err, &silent) || err.Error() != `secret "S": command "sh": no end after 50ms` {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestEditedValues(t *testing.T) {
	p := newProject(t)
	v := p.open(t)
	if err := v.Keep(t.Context(), map[string]string{"A": "1", "B": "2"}, false); err != nil {
		t.Fatal(err)
	}
	before, err := v.Kept()
	if err != nil {
		t.Fatal(err)
	}
	changed, err := v.Edit(t.Context(), before, map[string]string{"A": "1", "C": "3"})
	if err != nil || !slices.Equal(changed, []string{"B", "C"}) {
		t.Errorf("changed %q, %v", changed, err)
	}
	if _, err := v.Edit(t.Context(), before, map[string]string{}); err == nil {
		t.Error("what somebody else has written was overwritten")
	}
	if kept, _ := p.open(t).Kept(); len(kept) != 2 || kept["C"] != "3" {
		t.Errorf("%d values are kept", len(kept))
	}
	var other *vault.KeptError
	if err := v.Keep(t.Context(), map[string]string{"A": "9", "D": "4"}, false); !errors.As(err, &other) {
		t.Errorf("another value is there: %v", err)
	}
	if kept, _ := p.open(t).Kept(); kept["D"] != "" {
		t.Error("half of it was done")
	}
}
