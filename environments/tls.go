package environments

import (
	"fmt"
	"strings"
	"time"
)

// LetsEncrypt is the directory of Let's Encrypt, which Caddy asks by itself.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// LetsEncryptStaging is the directory of its staging environment, whose
// certificates no browser trusts.
const LetsEncryptStaging = "https://acme-staging-v02.api.letsencrypt.org/directory"

// A TLS is a reverse proxy that holds certificates for domains and hands
// requests on to services of its host. It runs as the service of the same
// name, see [TLS.Proxy].
type TLS struct {
	Declared
	Host   string `json:"host"`
	Email  string `json:"email"` // the account at the issuer
	Sites  []Site `json:"sites"` // sorted by domain
	Issuer Issuer `json:"issuer"`
	HSTS   bool   `json:"hsts,omitempty"` // tell browsers to come back over https only
}

// A Site is a domain and the service port behind it.
type Site struct {
	Domain    string `json:"domain"`
	Service   string `json:"service"`
	Port      int    `json:"port"`                // of the container
	Forwarded bool   `json:"forwarded,omitempty"` // the service takes the client's address from X-Forwarded-For
}

// An Issuer gives certificates over ACME (RFC 8555).
type Issuer struct {
	Directory string `json:"directory"` // URL
}

// hstsSeconds is how long browsers remember: a year.
const hstsSeconds = 365 * 24 * 60 * 60

// Caddyfile returns the configuration of the proxy: a site block a domain, in
// the order of Sites. https://caddyserver.com/docs/caddyfile
func (t TLS) Caddyfile() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n\temail %s\n", t.Email)
	if t.Issuer.Directory != LetsEncrypt {
		fmt.Fprintf(&b, "\tacme_ca %s\n", t.Issuer.Directory)
	}
	b.WriteString("}\n")
	for _, s := range t.Sites {
		fmt.Fprintf(&b, "\n%s {\n", s.Domain)
		if t.HSTS {
			fmt.Fprintf(&b, "\theader Strict-Transport-Security max-age=%d\n", hstsSeconds)
		}
		fmt.Fprintf(&b, "\treverse_proxy %s:%d", s.Service, s.Port)
		if s.Forwarded {
			// Whatever a client claims to be is replaced by what it is.
			b.WriteString(" {\n\t\theader_up X-Forwarded-For {remote_host}\n\t}")
		}
		b.WriteString("\n}\n")
	}
	return b.String()
}

// ProxyImage is the image of the proxy.
const ProxyImage = "caddy:2.11.4"

const caddyfile = "/etc/caddy/Caddyfile"

// Proxy returns the service that the proxy runs as: Caddy with its Caddyfile,
// on ports 80 and 443, 443 over UDP too for HTTP/3. Certificates, keys and the
// account outlive the container: issuers limit how often they give anew.
func (t TLS) Proxy() Service {
	config := Text(t.Caddyfile())
	return Service{
		Declared: t.Declared, Host: t.Host, Image: ProxyImage,
		Ports: []Publish{{Port: 80, Proto: "tcp"}, {Port: 443, Proto: "tcp"}, {Port: 443, Proto: "udp"}},
		Files: []Mount{{Path: caddyfile, Content: &config}},
		Data:  []DataMount{{Path: "/config", Name: t.Name + "-config"}, {Path: "/data", Name: t.Name + "-data"}},
		Health: Health{
			// The admin endpoint answers once the configuration is loaded.
			Command:  []string{"wget", "-q", "-O", "/dev/null", "http://127.0.0.1:2019/config/"},
			Interval: int64(10 * time.Second), Timeout: int64(5 * time.Second), Retries: 5, StartPeriod: int64(10 * time.Second),
		},
		Reload:  []string{"caddy", "reload", "--config", caddyfile},
		CapDrop: []string{"ALL"}, CapAdd: []string{"NET_BIND_SERVICE"},
		Restart: "unless-stopped",
	}
}
