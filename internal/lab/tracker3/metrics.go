package tracker3

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// labels are those of one sample.
type labels map[string]string

// with returns l and more.
func (l labels) with(more ...labels) labels {
	all := maps.Clone(l)
	if all == nil {
		all = labels{}
	}
	for _, m := range more {
		maps.Copy(all, m)
	}
	return all
}

// text writes labels as Prometheus does, sorted: {a="1",b="2"}.
func (l labels) text() string {
	if len(l) == 0 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		parts = append(parts, fmt.Sprintf("%s=%q", name, l[name]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// binding returns the labels of a listener.
func binding(protocol, bind string) labels {
	at := netip.MustParseAddrPort(bind)
	return labels{
		"server_binding_protocol": protocol, "server_binding_ip": at.Addr().String(), "server_binding_port": fmt.Sprint(at.Port()),
		"server_binding_address_ip_family": family(at.Addr()), "server_binding_address_ip_type": ipType(at.Addr()),
	}
}

// clientLabels returns the labels of who asks.
func clientLabels(ip netip.Addr) labels {
	return labels{"client_address_ip_family": family(ip), "client_address_ip_type": ipType(ip)}
}

func family(ip netip.Addr) string {
	if ip.Is4() {
		return "inet"
	}
	return "inet6"
}

func ipType(ip netip.Addr) string {
	if ip.Is4In6() {
		return "v4_mapped_v6"
	}
	return "plain"
}

// A sample is one value of a metric.
type sample struct {
	labels labels
	value  float64
}

// metrics are all samples, by metric and the text of their labels.
type metrics struct {
	mu      sync.Mutex
	samples map[string]map[string]*sample
	times   map[string]*sample // how many durations are in an average
}

// counters are the metrics that exist from the start, at 0 where they have no
// labels; those that are gauges end with a word of their own.
var counters = []string{
	"swarm_coordination_registry_torrents_added_total", "swarm_coordination_registry_torrents_removed_total",
	"swarm_coordination_registry_torrents_downloads_total", "swarm_coordination_registry_peers_added_total",
	"swarm_coordination_registry_peers_removed_total", "swarm_coordination_registry_peers_updated_total",
	"tracker_core_persistent_torrents_downloads_total", "udp_tracker_server_requests_aborted_total",
}

var gauges = []string{
	"udp_tracker_server_ips_banned_total", "udp_tracker_server_performance_avg_processing_time_ns",
	"swarm_coordination_registry_torrents_total", "swarm_coordination_registry_peer_connections_total",
}

const averages = "udp_tracker_server_performance_avg_processing_time_ns"

func newMetrics() *metrics {
	m := &metrics{samples: map[string]map[string]*sample{}, times: map[string]*sample{}}
	for _, name := range counters {
		m.add(name, 0)
	}
	m.set("udp_tracker_server_ips_banned_total", 0)
	return m
}

// at returns a sample, new where there is none. The lock is held.
func (m *metrics) at(name string, l labels) *sample {
	if m.samples[name] == nil {
		m.samples[name] = map[string]*sample{}
	}
	key := l.text()
	s := m.samples[name][key]
	if s == nil {
		s = &sample{labels: l}
		m.samples[name][key] = s
	}
	return s
}

func (m *metrics) add(name string, n uint64, l ...labels) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at(name, labels(nil).with(l...)).value += float64(n)
}

func (m *metrics) set(name string, value float64, l ...labels) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at(name, labels(nil).with(l...)).value = value
}

// took takes a duration into its average.
func (m *metrics) took(l labels, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.at(averages, l)
	n := m.times[l.text()]
	if n == nil {
		n = &sample{}
		m.times[l.text()] = n
	}
	n.value++
	s.value += (float64(d.Nanoseconds()) - s.value) / n.value
}

// sum adds up the samples of a metric that have these labels.
func (m *metrics) sum(name string, l labels) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var total float64
	for _, s := range m.samples[name] {
		if matches(s.labels, l) {
			total += s.value
		}
	}
	return total
}

func matches(have, want labels) bool {
	for name, value := range want {
		if have[name] != value {
			return false
		}
	}
	return true
}

// each calls f for every metric, sorted, with its samples, sorted.
func (m *metrics) each(f func(name, kind string, samples []sample)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.samples)) {
		kind := "counter"
		if slices.Contains(gauges, name) {
			kind = "gauge"
		}
		var list []sample
		for _, key := range slices.Sorted(maps.Keys(m.samples[name])) {
			list = append(list, *m.samples[name][key])
		}
		f(name, kind, list)
	}
}

// prometheus writes everything in Prometheus' text format.
func (m *metrics) prometheus(w io.Writer) {
	m.each(func(name, kind string, samples []sample) {
		fmt.Fprintf(w, "# TYPE %s %s\n", name, kind)
		for _, s := range samples {
			fmt.Fprintf(w, "%s%s %v\n", name, s.labels.text(), s.value)
		}
	})
}

// document returns everything as the API's JSON has it.
func (m *metrics) document() any {
	type label struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	type one struct {
		Value  json.Number `json:"value"`
		Labels []label     `json:"labels"`
	}
	type metric struct {
		Type    string `json:"type"`
		Name    string `json:"name"`
		Samples []one  `json:"samples"`
	}
	list := []metric{}
	m.each(func(name, kind string, samples []sample) {
		item := metric{Type: kind, Name: name}
		for _, s := range samples {
			o := one{Value: json.Number(fmt.Sprint(s.value)), Labels: []label{}}
			for _, n := range slices.Sorted(maps.Keys(s.labels)) {
				o.Labels = append(o.Labels, label{n, s.labels[n]})
			}
			item.Samples = append(item.Samples, o)
		}
		list = append(list, item)
	})
	return map[string]any{"metrics": list}
}
