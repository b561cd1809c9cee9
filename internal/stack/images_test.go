package stack

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/torrust/tracker-deployer/internal/lab"
)

// built says how the lab makes the image that has a name.
var built = map[string]func(*lab.Lab, context.Context) (lab.Image, error){
	lab.TrackerName:          (*lab.Lab).TrackerImage,
	lab.DevTrackerName:       (*lab.Lab).DevTrackerImage,
	lab.PrometheusName:       (*lab.Lab).PrometheusImage,
	lab.AlertmanagerName:     (*lab.Lab).AlertmanagerImage,
	lab.NodeExporterName:     (*lab.Lab).NodeExporterImage,
	lab.BlackboxExporterName: (*lab.Lab).BlackboxExporterImage,
	lab.JSONExporterName:     (*lab.Lab).JSONExporterImage,
	lab.CaddyName:            (*lab.Lab).CaddyImage,
	lab.GrafanaName:          (*lab.Lab).GrafanaImage,
	lab.MySQLName:            (*lab.Lab).MySQLImage,
}

// images are those of the lab, each unpacked once for all tests of a run.
type images struct {
	dir string
	lab *lab.Lab
	mu  sync.Mutex
	at  map[string]unpacked
}

// unpacked is the tree of an image and its configuration.
type unpacked struct {
	root   string
	config v1.Config
}

var shelf = &images{at: map[string]unpacked{}}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := lab.DefaultDir()
		if err == nil {
			shelf.lab = lab.New(dir, os.Stderr)
			shelf.dir, err = os.MkdirTemp("", "stack-")
		}
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(shelf.dir)
		return m.Run()
	}())
}

// get returns an image by the name under which a machine pulls it.
func (s *images) get(t *testing.T, name string) unpacked {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.at[name]; ok {
		return u
	}
	build, ok := built[name]
	if !ok {
		t.Fatalf("the lab has no image %s", name)
	}
	image, err := build(s.lab, context.Background())
	if err != nil {
		t.Fatal(err)
	}
	u := unpacked{root: filepath.Join(s.dir, filepath.Base(filepath.Dir(image.Layout)))}
	if u.config, err = unpack(image, u.root); err != nil {
		t.Fatal(err)
	}
	s.at[name] = u
	return u
}

// unpack writes the files of an image below dir, with owners and modes.
func unpack(image lab.Image, dir string) (v1.Config, error) {
	img, err := image.Load()
	if err != nil {
		return v1.Config{}, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return v1.Config{}, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return v1.Config{}, err
	}
	content := mutate.Extract(img)
	defer content.Close()
	cmd := exec.Command("tar", "--extract", "--numeric-owner", "--same-owner", "--same-permissions",
		"--xattrs", "--xattrs-include=security.capability", "--directory="+dir)
	cmd.Stdin = content
	if said, err := cmd.CombinedOutput(); err != nil {
		return v1.Config{}, errors.New(string(said))
	}
	return file.Config, nil
}

// Every image is what the lab's method says, and a program in it starts.
func TestImagesAreWhole(t *testing.T) {
	for name, programs := range map[string][]string{
		lab.PrometheusName:       {"/bin/prometheus", "/bin/promtool"},
		lab.AlertmanagerName:     {"/bin/alertmanager", "/bin/amtool"},
		lab.NodeExporterName:     {"/bin/node_exporter"},
		lab.BlackboxExporterName: {"/bin/blackbox_exporter"},
		lab.JSONExporterName:     {"/bin/json_exporter"},
		lab.CaddyName:            {"/usr/bin/caddy"},
	} {
		u := shelf.get(t, name)
		for _, program := range programs {
			said, err := exec.Command("nice", "-n", "19", "chroot", u.root, program, "--help").CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s: %v\n%s", name, program, err, said)
			}
		}
	}
}

// The capability that Caddy's file has in the official image is in the layer.
func TestCaddyMayListenOnLowPorts(t *testing.T) {
	image, err := shelf.lab.CaddyImage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Load()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if err == io.EOF {
			t.Fatal("no /usr/bin/caddy in the image")
		} else if err != nil {
			t.Fatal(err)
		}
		if h.Name == "./usr/bin/caddy" {
			if h.PAXRecords["SCHILY.xattr.security.capability"] == "" {
				t.Error("its file has no capability")
			}
			return
		}
	}
}
