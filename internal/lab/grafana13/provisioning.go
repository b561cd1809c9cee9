package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A text is a value of a provisioning file, in which variables are expanded.
type text string

// UnmarshalYAML expands $NAME, ${NAME} and $__file{PATH}; $$ is a dollar.
func (t *text) UnmarshalYAML(node *yaml.Node) error {
	var raw string
	if err := node.Decode(&raw); err != nil {
		return err
	}
	parts := strings.Split(raw, "$$")
	for i, part := range parts {
		expanded, err := expand(part, os.Environ())
		if err != nil {
			return err
		}
		parts[i] = os.ExpandEnv(expanded)
	}
	*t = text(strings.Join(parts, "$"))
	return nil
}

// A datasource is one of a provisioning file.
type datasource struct {
	OrgID           int             `yaml:"orgId" json:"orgId"`
	Name            text            `yaml:"name" json:"name"`
	Type            text            `yaml:"type" json:"type"`
	UID             text            `yaml:"uid" json:"uid"`
	Access          text            `yaml:"access" json:"access"`
	URL             text            `yaml:"url" json:"url"`
	IsDefault       bool            `yaml:"isDefault" json:"isDefault"`
	Editable        bool            `yaml:"editable" json:"-"`
	BasicAuth       bool            `yaml:"basicAuth" json:"basicAuth"`
	WithCredentials bool            `yaml:"withCredentials" json:"withCredentials"`
	Version         int             `yaml:"version" json:"version"`
	JSONData        map[string]text `yaml:"jsonData" json:"jsonData"`
	ReadOnly        bool            `yaml:"-" json:"readOnly"`
	ID              int             `yaml:"-" json:"id"`
}

type datasourceFile struct {
	APIVersion  int          `yaml:"apiVersion"`
	Prune       bool         `yaml:"prune"`
	Datasources []datasource `yaml:"datasources"`
	Delete      []struct {
		Name  text `yaml:"name"`
		OrgID int  `yaml:"orgId"`
	} `yaml:"deleteDatasources"`
}

// A provider says where dashboards are.
type provider struct {
	Name                  text `yaml:"name"`
	OrgID                 int  `yaml:"orgId"`
	Folder                text `yaml:"folder"`
	FolderUID             text `yaml:"folderUid"`
	Type                  text `yaml:"type"`
	DisableDeletion       bool `yaml:"disableDeletion"`
	Editable              bool `yaml:"editable"`
	AllowUIUpdates        bool `yaml:"allowUiUpdates"`
	UpdateIntervalSeconds int  `yaml:"updateIntervalSeconds"`
	Options               struct {
		Path                      text `yaml:"path"`
		FoldersFromFilesStructure bool `yaml:"foldersFromFilesStructure"`
	} `yaml:"options"`
}

type providerFile struct {
	APIVersion int        `yaml:"apiVersion"`
	Providers  []provider `yaml:"providers"`
}

// files decodes the YAML files of a directory of provisioning, strictly.
func files[T any](dir string) ([]T, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.y*ml"))
	if err != nil {
		return nil, err
	}
	var all []T
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var one T
		decoder := yaml.NewDecoder(bytes.NewReader(data))
		decoder.KnownFields(true)
		if err := decoder.Decode(&one); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// datasources reads those of a provisioning directory.
func datasources(dir string) ([]datasource, error) {
	found, err := files[datasourceFile](filepath.Join(dir, "datasources"))
	if err != nil {
		return nil, fmt.Errorf("datasource provisioning error: %w", err)
	}
	var all []datasource
	defaults := 0
	for _, f := range found {
		if f.APIVersion != 1 {
			return nil, fmt.Errorf("datasource provisioning error: apiVersion %d, this stand-in takes 1", f.APIVersion)
		}
		for _, d := range f.Datasources {
			if d.Name == "" || d.Type != "prometheus" || d.UID == "" || d.URL == "" || d.Access != "proxy" {
				return nil, fmt.Errorf("datasource provisioning error: %q: this stand-in takes Prometheus by proxy, with name, uid and url", d.Name)
			}
			if slices.ContainsFunc(all, func(o datasource) bool { return o.UID == d.UID || o.Name == d.Name }) {
				return nil, fmt.Errorf("datasource provisioning error: %q is there twice", d.Name)
			}
			if d.IsDefault {
				defaults++
			}
			d.ID, d.OrgID, d.ReadOnly = len(all)+1, 1, !d.Editable
			all = append(all, d)
		}
	}
	if defaults > 1 {
		return nil, errors.New("datasource provisioning error: datasource.yaml config is invalid. Only one datasource per organization can be marked as default")
	}
	return all, nil
}

// providers reads those of a provisioning directory.
func providers(dir string) ([]provider, error) {
	found, err := files[providerFile](filepath.Join(dir, "dashboards"))
	if err != nil {
		return nil, fmt.Errorf("dashboard provisioning error: %w", err)
	}
	var all []provider
	for _, f := range found {
		for _, p := range f.Providers {
			if p.Type != "file" && p.Type != "" || p.Options.Path == "" || p.Name == "" {
				return nil, fmt.Errorf("dashboard provisioning error: provider %q: want type file, a name and options.path", p.Name)
			}
			if p.UpdateIntervalSeconds == 0 {
				p.UpdateIntervalSeconds = 10
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// A board is a dashboard as its file has it.
type board struct {
	uid, title, folder, file string
	tags                     []string
	model                    map[string]any
}

// boards reads the dashboards of a provider. What is no dashboard is told and
// left out, as are two of one uid.
func (p provider) boards(tell func(format string, args ...any)) []board {
	var all []board
	walk := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		b, err := readBoard(path)
		if err != nil {
			tell("failed to load dashboard from %s: %v", path, err)
			return nil
		}
		if i := slices.IndexFunc(all, func(o board) bool { return o.uid == b.uid }); i >= 0 {
			tell("the same UID is used more than once: %s and %s: %s", all[i].file, path, b.uid)
			return nil
		}
		b.folder = string(p.Folder)
		all = append(all, b)
		return nil
	}
	if err := filepath.WalkDir(string(p.Options.Path), walk); err != nil {
		tell("failed to search for dashboards: %v", err)
	}
	return all
}

func readBoard(path string) (board, error) {
	b := board{file: path}
	data, err := os.ReadFile(path)
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal(data, &b.model); err != nil {
		return b, err
	}
	b.uid, _ = b.model["uid"].(string)
	b.title, _ = b.model["title"].(string)
	if b.title == "" {
		return b, errors.New("dashboard title cannot be empty")
	}
	if b.uid == "" || len(b.uid) > 40 {
		return b, fmt.Errorf("uid %q: this stand-in takes 1 to 40 characters", b.uid)
	}
	tags, _ := b.model["tags"].([]any)
	for _, t := range tags {
		b.tags = append(b.tags, fmt.Sprint(t))
	}
	return b, nil
}
