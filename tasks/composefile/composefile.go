// Package composefile finds what is wrong with a compose file in this process,
// before a machine's docker would: by the schema and the rules of compose-go,
// which docker compose itself is made of, and by two checks that it does not
// make: references of images and variables that nothing sets.
package composefile

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"go.yaml.in/yaml/v3"
)

// A Fault is one thing wrong with a compose file.
type Fault struct {
	Service string // "" = the file as a whole
	Message string // lowercase fact
}

// Check returns everything that is wrong with a compose file, by service;
// nothing for one that docker compose takes. Nothing but text is read: files
// that it names are not looked at. Of a service that compose-go refuses only
// its first fault is known.
func Check(ctx context.Context, project string, text []byte) []Fault {
	var file map[string]any
	if err := yaml.Unmarshal(text, &file); err != nil {
		return []Fault{{Message: err.Error()}}
	}
	services, _ := file["services"].(map[string]any)
	faults := images(services)
	for range len(services) + 1 {
		unset := map[string]bool{}
		err := load(ctx, project, text, unset)
		for name := range unset {
			faults = append(faults, Fault{Message: fmt.Sprintf("variable %q is not set", name)})
		}
		if err == nil {
			break
		}
		f := fault(err, services)
		faults = append(faults, f)
		if f.Service == "" {
			break
		}
		leave(services, f.Service)
		if text, err = yaml.Marshal(file); err != nil {
			break
		}
	}
	slices.SortFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(faults)
}

// load has compose-go read the file.
func load(ctx context.Context, project string, text []byte, unset map[string]bool) error {
	_, err := loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir: "/", ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: text}},
	}, func(o *loader.Options) {
		o.SetProjectName(project, true)
		o.SkipInclude, o.SkipExtends, o.SkipResolveEnvironment, o.SkipResolveLabels = true, true, true, true
		o.ResolvePaths = false
		o.Interpolate.LookupValue = func(name string) (string, bool) {
			unset[name] = true
			return "", true // told here, and not by a line of a logger
		}
	})
	return err
}

// images checks the references of images.
func images(services map[string]any) []Fault {
	var faults []Fault
	for name, s := range services {
		definition, _ := s.(map[string]any)
		image, _ := definition["image"].(string)
		if _, err := reference.ParseNormalizedNamed(image); err != nil {
			faults = append(faults, Fault{name, fmt.Sprintf("image %q: %v", image, err)})
		}
	}
	return faults
}

// leave takes a service out of a file, and out of what others depend on.
func leave(services map[string]any, name string) {
	delete(services, name)
	for _, s := range services {
		definition, _ := s.(map[string]any)
		if needs, ok := definition["depends_on"].(map[string]any); ok {
			delete(needs, name)
		}
	}
}

// subject is how errors of compose-go name a service.
var subject = regexp.MustCompile(`\bservices?[. ]\[?"?([A-Za-z0-9][A-Za-z0-9_.-]*)`)

// fault puts an error of compose-go into the words of this program.
func fault(err error, services map[string]any) Fault {
	text := strings.TrimSuffix(err.Error(), ": invalid compose project")
	text = strings.TrimPrefix(text, "validating compose.yaml: ")
	var f Fault
	for _, found := range subject.FindAllStringSubmatch(text, -1) {
		name := found[1]
		for name != "" && services[name] == nil { // a name may have dots, what is behind it too
			name = name[:max(0, strings.LastIndexByte(name, '.'))]
		}
		if f.Service = name; name != "" {
			break
		}
	}
	text = strings.TrimPrefix(text, "services."+f.Service+".")
	if key, ok := strings.CutSuffix(text, " false schema"); ok {
		text = fmt.Sprintf("compose has no key %q for a service", key)
	}
	f.Message = text
	return f
}
