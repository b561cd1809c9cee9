package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionCommand says what this program was built from.
func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show what this program was built from",
		GroupID: groupWrite,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := buildVersion()
			if p.json {
				return writeDocument(p.Out, v)
			}
			fmt.Fprintf(p.Out, "%s %s (%s, %s)\n", programName, v.Version, v.Go, v.Platform)
			return nil
		},
	}
}

type version struct {
	Version  string `json:"version"` // module version or revision, "devel" without either
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func buildVersion() version {
	v := version{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Version = s.Value[:min(12, len(s.Value))]
		}
	}
	return v
}
