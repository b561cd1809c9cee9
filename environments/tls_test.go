package environments

import "testing"

func TestCaddyfile(t *testing.T) {
	sites := []Site{
		{Domain: "api.example.com", Service: "tracker", Port: 1212},
		{Domain: "tracker.example.com", Service: "tracker", Port: 7070, Forwarded: true},
	}
	for _, c := range []struct {
		name string
		tls  TLS
		want string
	}{
		{"plain", TLS{Email: "ops@example.com", Sites: sites, Issuer: Issuer{LetsEncrypt}}, `{
	email ops@example.com
}

api.example.com {
	reverse_proxy tracker:1212
}

tracker.example.com {
	reverse_proxy tracker:7070 {
		header_up X-Forwarded-For {remote_host}
	}
}
`},
		{"staging and HSTS", TLS{Email: "a@b.c", Sites: sites[:1], Issuer: Issuer{LetsEncryptStaging}, HSTS: true}, `{
	email a@b.c
	acme_ca https://acme-staging-v02.api.letsencrypt.org/directory
}

api.example.com {
	header Strict-Transport-Security max-age=31536000
	reverse_proxy tracker:1212
}
`},
	} {
		if got := c.tls.Caddyfile(); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		if got := *c.tls.Proxy().Files[0].Content; got.Text != c.want {
			t.Errorf("%s: the proxy has another configuration:\n%s", c.name, got.Text)
		}
	}
}
