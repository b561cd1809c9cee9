package remote

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// What the exit codes of sh/ mean.
const (
	exitChanged     = 0
	exitUnchanged   = 10
	exitReplaced    = 11 // changed since the plan
	exitUnsupported = 12
)

// short carries out short operations in as few batches as their kinds allow:
// mostly one.
func (m *Machine) short(ctx context.Context, operations []hosts.Operation, progress func(string)) ([]hosts.Result, error) {
	var results []hosts.Result
	for idle := 0; len(operations) > 0; {
		done, err := m.round(ctx, operations, progress)
		results = append(results, done...)
		if err != nil {
			return results, err
		}
		operations = operations[len(done):]
		if idle++; len(done) > 0 {
			idle = 0
		}
		if idle == 3 {
			return append(results, hosts.Result{}), m.failed(operations[0].Step(), hosts.ErrChanged)
		}
	}
	return results, nil
}

// A round is a batch in the making.
type round struct {
	script   script
	manifest *stored         // as it will be
	written  map[int]*stored // manifests by the step that writes them
	refused  error           // why the operation after the last step is not tried
}

// round carries out the first of operations, up to one after which something
// has to be thought about, and returns the results of those that were tried.
func (m *Machine) round(ctx context.Context, operations []hosts.Operation, progress func(string)) ([]hosts.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	start := time.Now()
	if c, ok := operations[0].(hosts.ConfirmFirewall); ok {
		result, err := m.confirm(ctx, c)
		return []hosts.Result{result}, m.failed(c.Step(), err)
	}
	operations = operations[:roundLength(operations)]
	r, err := m.compose(ctx, operations)
	if err != nil {
		return make([]hosts.Result, 1), m.failed(operations[0].Step(), err)
	}
	var pieces []piece
	if r.script.text != "" {
		if pieces, err = m.batch(ctx, &r.script); err != nil {
			return make([]hosts.Result, 1), m.failed(operations[0].Step(), err)
		}
	}
	var results []hosts.Result
	for i, p := range pieces {
		result, err := outcome(i, p)
		result.Took = time.Since(start)
		o := operations[i]
		if w := r.written[i]; w != nil && err == nil {
			m.manifest = w
		}
		if _, own := o.(hosts.Own); own && errors.Is(err, hosts.ErrChanged) {
			// The manifest that we knew is not the one that is there: this
			// and what follows is tried again with a fresh look.
			m.manifest = nil
			return results, nil
		}
		results = append(results, result)
		if err == nil {
			err = m.after(ctx, o, &results[i], progress)
		}
		if err != nil {
			return results, m.failed(o.Step(), err)
		}
	}
	if r.refused != nil {
		return append(results, hosts.Result{}), m.failed(operations[len(results)].Step(), r.refused)
	}
	if len(results) == 0 {
		return nil, m.failed(operations[0].Step(), errors.New("the machine did not answer"))
	}
	return results, nil
}

// roundLength returns how many of the operations go down together.
func roundLength(operations []hosts.Operation) int {
	for i, o := range operations {
		switch o := o.(type) {
		case hosts.ConfirmFirewall:
			return i
		case hosts.ApplyFirewall, hosts.SaveRelease:
			return i + 1
		case hosts.Remove:
			if below(hosts.ManifestPath, o.Path) {
				return i + 1
			}
		case hosts.WriteFile:
			if below(hosts.ManifestPath, o.Path) {
				return i + 1
			}
		}
	}
	return len(operations)
}

// below reports whether name is top or in it.
func below(name, top string) bool {
	top = path.Clean(top)
	return name == top || strings.HasPrefix(name, strings.TrimSuffix(top, "/")+"/")
}

// compose makes the script of a round.
func (m *Machine) compose(ctx context.Context, operations []hosts.Operation) (*round, error) {
	r := &round{written: map[int]*stored{}}
	for i, o := range operations {
		words, payload, err := m.words(ctx, r, i, o)
		if err != nil {
			r.refused = err
			return r, nil
		}
		r.script.line(append([]string{"step", strconv.Itoa(i), strconv.Itoa(len(payload)), oneLine(o.Step())}, words...)...)
		r.script.payloads = append(r.script.payloads, payload)
	}
	if slices.ContainsFunc(operations, replacesSecret) {
		r.script.text = "need_key\n" + r.script.text
	}
	return r, nil
}

func replacesSecret(o hosts.Operation) bool {
	w, ok := o.(hosts.WriteFile)
	return ok && w.Replaces != nil && strings.HasPrefix(*w.Replaces, "k:")
}

// oneLine makes a step fit for a line of the audit log.
func oneLine(step string) string {
	if q := strconv.Quote(step); len(q) != len(step)+2 {
		return q
	}
	return step
}

// words returns the command of sh/ that carries out an operation, and what it
// reads.
func (m *Machine) words(ctx context.Context, r *round, i int, operation hosts.Operation) ([]string, []byte, error) {
	switch o := operation.(type) {
	case hosts.WriteFile:
		if err := absolute(o.Path); err != nil {
			return nil, nil, err
		}
		return writeWords(o), o.Content, nil
	case hosts.MakeDirectory:
		return []string{"make_directory", o.Path, mode(o.Mode, "755"), orRoot(o.Owner), orRoot(o.Group), yes(o.Once)}, nil, absolute(o.Path)
	case hosts.Remove:
		return []string{"remove", path.Clean(o.Path)}, nil, absolute(o.Path)
	case hosts.Move:
		return []string{"move", path.Clean(o.From), path.Clean(o.To)}, nil, errors.Join(absolute(o.From), absolute(o.To))
	case hosts.LoadModule:
		return []string{"load_module", o.Name}, nil, nil
	case hosts.SetSysctl:
		words := []string{"set_sysctl"}
		for _, name := range sorted(o.Values) {
			words = append(words, sysctlPath(name), strings.Join(strings.Fields(o.Values[name]), " "))
		}
		return words, nil, nil
	case hosts.SetUnit:
		return []string{"set_unit", o.Name, yes(o.Enabled), o.Action}, nil, nil
	case hosts.ApplyFirewall:
		return applyWords(o)
	case hosts.DropFirewall:
		return []string{"drop_firewall", o.Table, hosts.FirewallUnit}, nil, named(o.Table)
	case hosts.FlushConntrack:
		words := []string{"forget"}
		for _, port := range o.Ports {
			for _, family := range []string{"ipv4", "ipv6"} {
				words = append(words, family, o.Proto, "-", "-", strconv.Itoa(port))
			}
		}
		return words, nil, nil
	case hosts.SaveRelease:
		return []string{"save_release", strings.TrimSuffix(path.Clean(o.Directory), "/"), strconv.Itoa(o.Keep)}, nil, absolute(o.Directory)
	case hosts.Own:
		return m.ownWords(ctx, r, i, o)
	}
	return nil, nil, fmt.Errorf("%w: operation %T", hosts.ErrUnsupported, operation)
}

func writeWords(o hosts.WriteFile) []string {
	replaces := "any"
	if o.Replaces != nil {
		replaces = "=" + *o.Replaces
	}
	return []string{"write_file", o.Path, mode(o.Mode, "644"), orRoot(o.Owner), orRoot(o.Group),
		strconv.Itoa(len(o.Content)), yes(o.InPlace), replaces}
}

// ownWords writes the manifest after o, provided that it is still what it is
// thought to be.
func (m *Machine) ownWords(ctx context.Context, r *round, i int, o hosts.Own) ([]string, []byte, error) {
	if r.manifest == nil {
		known, err := m.known(ctx)
		if err != nil {
			return nil, nil, err
		}
		r.manifest = known
	}
	next, err := r.manifest.manifest.With(o)
	if err != nil {
		return nil, nil, err
	}
	write, after, err := manifestWrite(next, r.manifest.version)
	r.manifest, r.written[i] = after, after
	return writeWords(write), write.Content, err
}

func manifestWrite(manifest hosts.Manifest, version string) (hosts.WriteFile, *stored, error) {
	data, err := manifest.Encode()
	after := &stored{manifest: manifest, version: "s:" + digest(data)}
	return hosts.WriteFile{Path: hosts.ManifestPath, Content: data, Mode: "0644", Replaces: &version}, after, err
}

// known returns the manifest, read when it is not known yet. Called with mu held.
func (m *Machine) known(ctx context.Context) (*stored, error) {
	if m.manifest == nil {
		o := newObservation(m.target.User, []hosts.Query{hosts.ManifestQuery{}})
		pieces, err := m.batch(ctx, o.script())
		if err == nil {
			_, err = o.facts(pieces)
		}
		if err != nil {
			return nil, err
		}
		m.manifest = o.manifest
	}
	return m.manifest, nil
}

// outcome reads the piece that ended a step.
func outcome(i int, p piece) (hosts.Result, error) {
	if len(p.words) != 3 || p.words[0] != "step" || p.words[1] != strconv.Itoa(i) {
		return hosts.Result{}, fmt.Errorf("the machine answers %q where step %d was due", p.words, i)
	}
	code, err := strconv.Atoi(p.words[2])
	if err != nil {
		return hosts.Result{}, fmt.Errorf("the machine answers %q where step %d was due", p.words, i)
	}
	result := hosts.Result{Values: valuesOf(string(p.body))}
	result.Changed, err = verdict(code, string(p.body))
	return result, err
}

// verdict says what an exit code of sh/ means.
func verdict(code int, words string) (bool, error) {
	words = strings.TrimSpace(words)
	switch code {
	case exitChanged, exitUnchanged:
		return code == exitChanged, nil
	case exitReplaced:
		return false, hosts.ErrChanged
	case exitUnsupported:
		return false, fmt.Errorf("%w: %s", hosts.ErrUnsupported, words)
	}
	if words == "" {
		words = fmt.Sprintf("exit code %d", code)
	}
	return false, hosts.Explain(words)
}

// valuesOf reads "release N", the one value that a short operation learns.
func valuesOf(text string) map[string]string {
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "release "); ok {
			return map[string]string{"release": n}
		}
	}
	return nil
}

// after does what belongs to an operation and takes more than its step.
// Called with mu held.
func (m *Machine) after(ctx context.Context, operation hosts.Operation, result *hosts.Result, progress func(string)) error {
	switch o := operation.(type) {
	case hosts.Remove:
		if below(hosts.ManifestPath, o.Path) {
			m.manifest = nil
		}
	case hosts.WriteFile:
		if below(hosts.ManifestPath, o.Path) {
			m.manifest = nil
		}
	case hosts.SaveRelease:
		return m.recordRelease(ctx, result)
	case hosts.ApplyFirewall:
		if result.Changed {
			return m.tighten(ctx, o, progress)
		}
	}
	return nil
}

// recordRelease puts the number of the newest release into the manifest.
func (m *Machine) recordRelease(ctx context.Context, result *hosts.Result) error {
	number, err := strconv.Atoi(result.Values["release"])
	if err != nil {
		return fmt.Errorf("the machine answers release %q", result.Values["release"])
	}
	for range 2 {
		known, err := m.known(ctx)
		if err != nil || known.manifest.Release == number {
			return err
		}
		next := known.manifest.Clone()
		next.Release = number
		write, after, err := manifestWrite(next, known.version)
		if err != nil {
			return err
		}
		s := &script{payloads: [][]byte{write.Content}}
		s.line(append([]string{"step", "0", strconv.Itoa(len(write.Content)), "record the release"}, writeWords(write)...)...)
		pieces, err := m.batch(ctx, s)
		if err != nil {
			return err
		}
		if len(pieces) != 1 {
			return fmt.Errorf("the machine gave %d answers to one step", len(pieces))
		}
		_, err = outcome(0, pieces[0])
		if errors.Is(err, hosts.ErrChanged) {
			m.manifest = nil
			continue
		}
		if err == nil {
			m.manifest, result.Changed = after, true
		}
		return err
	}
	return hosts.ErrChanged
}
