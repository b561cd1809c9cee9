// Package templates holds the text of the files that the program itself writes
// on machines: cloud-init, nftables rules, systemd units. Files of services
// are not here: libraries and users write those in their own language.
package templates

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed */*.tmpl
var files embed.FS

// Render executes the template called name, such as
// "nftables/guard.nft.tmpl", with data. A key that data lacks is an error.
func Render(name string, data any) (string, error) {
	t, err := template.New("").Option("missingkey=error").ParseFS(files, name)
	if err != nil {
		return "", fmt.Errorf("template %s: %w", name, err)
	}
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, name[strings.LastIndexByte(name, '/')+1:], data); err != nil {
		return "", fmt.Errorf("template %s: %w", name, err)
	}
	return b.String(), nil
}
