package main

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// settings are the values of a configuration, by "section.key".
type settings map[string]string

// A setting is one that the program knows.
type setting struct {
	preset string
	check  func(string) error
}

// known are settings of conf/defaults.ini, with its defaults.
func known() map[string]setting {
	return map[string]setting{
		"paths.config":                                  {"/etc/grafana/grafana.ini", anything},
		"paths.data":                                    {"/var/lib/grafana", anything},
		"paths.home":                                    {"/usr/share/grafana", anything},
		"paths.logs":                                    {"/var/log/grafana", anything},
		"paths.plugins":                                 {"/var/lib/grafana/plugins", anything},
		"paths.provisioning":                            {"/etc/grafana/provisioning", anything},
		"log.mode":                                      {"console", oneOf("console", "file", "console file")},
		"log.level":                                     {"info", oneOf("debug", "info", "warn", "error")},
		"server.protocol":                               {"http", oneOf("http")},
		"server.http_addr":                              {"", anything},
		"server.http_port":                              {"3000", number},
		"server.domain":                                 {"localhost", anything},
		"server.enforce_domain":                         {"false", truth},
		"server.root_url":                               {"", location},
		"server.serve_from_sub_path":                    {"false", oneOf("false")},
		"security.admin_user":                           {"admin", anything},
		"security.admin_password":                       {"admin", anything},
		"security.secret_key":                           {"", anything},
		"security.cookie_secure":                        {"false", truth},
		"security.cookie_samesite":                      {"lax", oneOf("lax", "strict", "none", "disabled")},
		"security.disable_gravatar":                     {"false", truth},
		"security.disable_initial_admin_creation":       {"false", oneOf("false")},
		"security.strict_transport_security":            {"false", truth},
		"security.content_security_policy":              {"false", truth},
		"security.allow_embedding":                      {"false", truth},
		"auth.anonymous.enabled":                        {"false", oneOf("false")},
		"auth.anonymous.hide_version":                   {"false", truth},
		"auth.basic.enabled":                            {"true", oneOf("true")},
		"auth.disable_login_form":                       {"false", oneOf("false")},
		"users.allow_sign_up":                           {"false", oneOf("false")},
		"users.allow_org_create":                        {"false", truth},
		"users.default_theme":                           {"dark", oneOf("dark", "light", "system")},
		"snapshots.external_enabled":                    {"true", truth},
		"analytics.reporting_enabled":                   {"true", truth},
		"analytics.check_for_updates":                   {"true", truth},
		"analytics.check_for_plugin_updates":            {"true", truth},
		"analytics.feedback_links_enabled":              {"true", truth},
		"news.news_feed_enabled":                        {"true", truth},
		"plugins.preinstall_disabled":                   {"false", truth},
		"plugins.preinstall_auto_update":                {"true", truth},
		"dashboards.min_refresh_interval":               {"5s", span},
		"dashboards.default_home_dashboard_path":        {"", anything},
		"unified_alerting.enabled":                      {"true", truth},
		"metrics.enabled":                               {"true", truth},
		"security.disable_brute_force_login_protection": {"false", truth},
	}
}

// read makes settings of the variables of a process.
func read(environ []string) (settings, error) {
	table := known()
	byVariable := make(map[string]string, len(table))
	s := make(settings, len(table))
	for key, k := range table {
		byVariable[variableOf(key)] = key
		s[key] = k.preset
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		// What ends in __FILE is for the image's script, not for the program.
		if !strings.HasPrefix(name, "GF_") || strings.HasSuffix(name, "__FILE") {
			continue
		}
		key, ok := byVariable[name]
		if !ok {
			return nil, fmt.Errorf("%s is no setting that this stand-in knows", name)
		}
		value, err := expand(value, environ)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := table[key].check(value); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s[key] = value
	}
	return s, nil
}

// variableOf returns the variable that sets a key.
func variableOf(key string) string {
	return "GF_" + strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToUpper(key))
}

var expression = regexp.MustCompile(`\$(__\w+)?\{([^}]+)\}`)

// expand replaces $__file{PATH}, $__env{NAME} and ${NAME}. The content of a
// file is without the blanks at its ends.
func expand(value string, environ []string) (string, error) {
	var failure error
	expanded := expression.ReplaceAllStringFunc(value, func(match string) string {
		parts := expression.FindStringSubmatch(match)
		switch parts[1] {
		case "__file":
			content, err := os.ReadFile(parts[2])
			if err != nil {
				failure = err
			}
			return strings.TrimSpace(string(content))
		case "", "__env":
			return lookup(environ, parts[2])
		default:
			failure = fmt.Errorf("unknown provider %q", parts[1])
			return ""
		}
	})
	return expanded, failure
}

func lookup(environ []string, name string) string {
	for _, entry := range environ {
		if key, value, _ := strings.Cut(entry, "="); key == name {
			return value
		}
	}
	return ""
}

func (s settings) is(key string) bool { return s[key] == "true" }

func anything(string) error { return nil }

func truth(s string) error {
	if s != "true" && s != "false" {
		return fmt.Errorf("got %q, want true or false", s)
	}
	return nil
}

func number(s string) error {
	_, err := strconv.ParseUint(s, 10, 16)
	return err
}

func span(s string) error {
	_, err := time.ParseDuration(s)
	return err
}

func location(s string) error {
	u, err := url.Parse(s)
	if err == nil && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%q is not the URL of a site", s)
	}
	return err
}

// oneOf takes these values: others are not part of the stand-in.
func oneOf(values ...string) func(string) error {
	return func(s string) error {
		for _, v := range values {
			if s == v {
				return nil
			}
		}
		return fmt.Errorf("got %q, this stand-in takes %s", s, strings.Join(values, ", "))
	}
}
