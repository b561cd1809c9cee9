package tracker3

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/torrust/tracker-deployer/internal/lab/trackerconfig"
)

// A config is what of the configuration the stand-in acts on. The schema has
// been met already, so that only defaults are left to say.
type config struct {
	Core   core       `json:"core"`
	UDP    []listener `json:"udp_trackers"`
	HTTP   []listener `json:"http_trackers"`
	Server udpServer  `json:"udp_tracker_server"`
	API    *api       `json:"http_api"`
	Health struct {
		Bind string `json:"bind_address"`
	} `json:"health_check_api"`
}

type core struct {
	Announce struct {
		Interval uint32 `json:"interval"`
		Min      uint32 `json:"interval_min"`
		MaxPeers int    `json:"max_peers_per_announce"`
	} `json:"announce_policy"`
	Database *database `json:"database"`
	Cleanup  int       `json:"inactive_peer_cleanup_interval"`
	Listed   bool      `json:"listed"`
	Private  bool      `json:"private"`
	Keys     struct {
		Expire bool `json:"check_keys_expiration"`
	} `json:"private_mode"`
	Policy struct {
		PeerTimeout    int  `json:"max_peer_timeout"`
		Persistent     bool `json:"persistent_torrent_completed_stat"`
		RemovePeerless bool `json:"remove_peerless_torrents"`
	} `json:"tracker_policy"`
	Statistics bool `json:"tracker_usage_statistics"`
}

type database struct {
	Driver   string `json:"driver"`
	Path     string `json:"path"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	User     string `json:"user"`
	Password string `json:"password"`
	Database string `json:"database"`
}

type listener struct {
	Bind       string    `json:"bind_address"`
	Statistics bool      `json:"tracker_usage_statistics"`
	Cookie     *lifetime `json:"cookie_lifetime"`
	FromQuery  bool      `json:"use_ip_from_query_string"`
	TLS        any       `json:"tls_config"`
	Network    struct {
		External string `json:"external_ip"`
		Proxied  bool   `json:"on_reverse_proxy"`
		V6Only   bool   `json:"ipv6_v6only"`
	} `json:"network"`
}

type lifetime struct {
	Seconds int `json:"secs"`
}

type udpServer struct {
	Reset      int    `json:"ip_bans_reset_interval_in_secs"`
	Validation string `json:"connection_id_validation"`
	MaxErrors  int    `json:"max_connection_id_errors_per_ip"`
}

type api struct {
	Bind   string            `json:"bind_address"`
	Tokens map[string]string `json:"access_tokens"`
	TLS    any               `json:"tls_config"`
}

// override begins the variables that replace a setting.
const override = "TORRUST_TRACKER_CONFIG_OVERRIDE_"

// parse reads a configuration file and what the environment replaces of it.
func parse(text []byte, environ []string) (config, error) {
	var c config
	var table map[string]any
	if err := toml.Unmarshal(text, &table); err != nil {
		return c, fmt.Errorf("configuration: %w", err)
	}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if path, ok := strings.CutPrefix(name, override); ok {
			replace(table, strings.Split(strings.ToLower(path), "__"), value)
		}
	}
	merged, err := toml.Marshal(table)
	if err != nil {
		return c, fmt.Errorf("configuration: %w", err)
	}
	document, err := trackerconfig.Parse(trackerconfig.Development, merged)
	if err != nil {
		return c, err
	}
	plain, err := json.Marshal(document)
	if err != nil {
		return c, err
	}
	c = defaults()
	if err := json.Unmarshal(plain, &c); err != nil {
		return c, fmt.Errorf("configuration: %w", err)
	}
	c.complete()
	return c, c.check()
}

// replace sets the value at path, read as the original reads a variable:
// what looks like a number, a truth, a list or a table is one.
func replace(table map[string]any, path []string, text string) {
	for _, key := range path[:len(path)-1] {
		inner, ok := table[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			table[key] = inner
		}
		table = inner
	}
	var value any = text
	var one map[string]any
	if err := toml.Unmarshal([]byte("v = "+text), &one); err == nil && len(one) == 1 {
		value = one["v"]
	}
	table[path[len(path)-1]] = value
}

// defaults returns what the tracker takes where the file says nothing.
func defaults() config {
	var c config
	c.Core.Announce.Interval, c.Core.Announce.Min, c.Core.Announce.MaxPeers = 120, 120, 74
	c.Core.Cleanup, c.Core.Keys.Expire, c.Core.Statistics = 600, true, true
	c.Core.Policy.PeerTimeout, c.Core.Policy.RemovePeerless = 900, true
	c.Server = udpServer{Reset: 86400, Validation: "strict", MaxErrors: 10}
	c.Health.Bind = "127.0.0.1:1313"
	return c
}

// complete fills in what listeners do not say.
func (c *config) complete() {
	for i := range c.UDP {
		l := &c.UDP[i]
		l.Bind = cmp.Or(l.Bind, "0.0.0.0:6969")
		if l.Cookie == nil {
			l.Cookie = &lifetime{120}
		}
	}
	for i := range c.HTTP {
		c.HTTP[i].Bind = cmp.Or(c.HTTP[i].Bind, "0.0.0.0:7070")
	}
	if c.API != nil {
		c.API.Bind = cmp.Or(c.API.Bind, "127.0.0.1:1212")
	}
}

// check refuses what the stand-in cannot do, and addresses that are none.
func (c *config) check() error {
	if c.Core.Database != nil && c.Core.Database.Driver == "postgresql" {
		return errors.New("core.database: the stand-in knows no PostgreSQL")
	}
	binds := []string{c.Health.Bind}
	if c.API != nil {
		binds = append(binds, c.API.Bind)
		if c.API.TLS != nil {
			return errors.New("http_api.tls_config: the stand-in serves no TLS")
		}
	}
	for _, l := range slices.Concat(c.UDP, c.HTTP) {
		binds = append(binds, l.Bind)
		if l.TLS != nil {
			return errors.New("http_trackers.tls_config: the stand-in serves no TLS")
		}
		if e := l.Network.External; e != "" {
			if _, err := netip.ParseAddr(e); err != nil {
				return fmt.Errorf("network.external_ip: %w", err)
			}
		}
	}
	for _, b := range binds {
		if _, err := netip.ParseAddrPort(b); err != nil {
			return fmt.Errorf("bind_address: %w", err)
		}
	}
	return nil
}

// network returns what to listen on: IPv6 alone where the file says so. Without
// that a socket at [::] serves both families.
func (l listener) network(protocol string) string {
	switch address := netip.MustParseAddrPort(l.Bind).Addr(); {
	case address.Is4():
		return protocol + "4"
	case l.Network.V6Only:
		return protocol + "6"
	}
	return protocol
}

// external returns the address that stands in the place of a loopback one.
func (l listener) external(ip netip.Addr) netip.Addr {
	if e := l.Network.External; e != "" && ip.IsLoopback() {
		return netip.MustParseAddr(e)
	}
	return ip
}
