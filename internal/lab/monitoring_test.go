package lab

import (
	"strings"
	"testing"
)

// The images that watch a stack differ from each other and from what a change
// of their programs would make, and say the version that their tag names.
func TestRecipesOfProgramImages(t *testing.T) {
	keys := map[string]string{}
	for _, p := range []programs{
		prometheusImage(), alertmanagerImage(), nodeExporterImage(), blackboxExporterImage(), jsonExporterImage(), caddyImage(),
	} {
		key := p.recipe().key()
		if other, ok := keys[key]; ok {
			t.Errorf("%s and %s are one artefact", p.name, other)
		}
		keys[key] = p.name
		_, tag, _ := strings.Cut(p.name, ":")
		version := strings.TrimPrefix(tag, "v")
		if len(p.build) > 0 {
			if !strings.Contains(p.build[0].module, p.build[0].pkg+" v"+version) {
				t.Errorf("%s is not built from version %s", p.name, version)
			}
		} else if !strings.Contains(strings.Join(p.content, " "), "says "+p.content[2]+" version "+version) &&
			!strings.Contains(strings.Join(p.content, " "), "says "+p.content[2]+" "+version) {
			t.Errorf("%s does not check that it is version %s", p.name, version)
		}
	}
	changed := jsonExporterImage()
	changed.build = []build{changed.build[0]}
	changed.build[0].sums += "x"
	if changed.recipe().key() == jsonExporterImage().recipe().key() {
		t.Error("another source is the same artefact")
	}
}
