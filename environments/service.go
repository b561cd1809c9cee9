package environments

// A Service is a container that compose keeps running on a host; its node is
// "service:NAME".
type Service struct {
	Declared
	Host            string       `json:"host"`
	Image           string       `json:"image"` // reference as written, docker.io by default
	Command         []Value      `json:"command,omitempty"`
	Environment     []NamedValue `json:"environment,omitempty"`
	Ports           []Publish    `json:"ports,omitempty"`
	Files           []Mount      `json:"files,omitempty"`
	Data            []DataMount  `json:"data,omitempty"`
	Networks        []string     `json:"networks,omitempty"` // beside the environment's own network
	Sysctls         []NamedValue `json:"sysctls,omitempty"`
	DependsOn       []string     `json:"dependsOn,omitempty"` // service names
	Health          Health       `json:"health"`
	Reload          []string     `json:"reload,omitempty"` // argv run in the container when only files changed
	Memory          string       `json:"memory,omitempty"`
	CPUs            string       `json:"cpus,omitempty"`
	PIDs            int          `json:"pids,omitempty"`
	CapDrop         []string     `json:"capDrop,omitempty"`
	CapAdd          []string     `json:"capAdd,omitempty"`
	ReadOnly        bool         `json:"readOnly,omitempty"`
	User            string       `json:"user,omitempty"`
	StopGracePeriod string       `json:"stopGracePeriod,omitempty"`
	Restart         string       `json:"restart,omitempty"`
	Web             int          `json:"web,omitempty"`   // port that people look at, 0 = the first published over tcp
	Extra           *Data        `json:"extra,omitempty"` // a map: any other compose key
}

// A NamedValue is an entry of a dictionary with deferred values, in the order
// of the file.
type NamedValue struct {
	Name  string `json:"name"`
	Value Value  `json:"value"`
}

// Publish makes a container's port reachable on the host under the same
// number.
type Publish struct {
	Port    int    `json:"port"`
	Proto   string `json:"proto"`             // tcp or udp
	Address string `json:"address,omitempty"` // "" = every address, v4 and v6
}

// A Mount is a file in the container, read-only. Exactly one of Content and
// File is set.
type Mount struct {
	Path    string `json:"path"` // in the container
	Content *Value `json:"content,omitempty"`
	File    string `json:"file,omitempty"`  // name of a config_file on the same host
	Owner   string `json:"owner,omitempty"` // "uid" or "uid:gid"; "" = root
	Mode    string `json:"mode,omitempty"`  // four octal digits; "" = 0644, or 0600 with a secret in it
}

// A DataMount is a directory that outlives the container: a name on the host,
// shared by every service that names it.
type DataMount struct {
	Path  string `json:"path"`           // in the container
	Name  string `json:"name"`           // under the stack's data directory
	Disk  string `json:"disk,omitempty"` // "" = where data is; "system" = that of the system, in a machine with a disk for data
	Owner string `json:"owner,omitempty"`
	Mode  string `json:"mode,omitempty"`
	// Refuse lists files that must not be in it when the service is worked on.
	Refuse []Refusal `json:"refuse,omitempty"`
}

// A Refusal is a file that a directory must not have, and why.
type Refusal struct {
	File   string `json:"file"` // relative to the directory
	Reason string `json:"reason"`
}

// Health is how a container is found healthy. Durations are nanoseconds.
type Health struct {
	Command     []string `json:"command"` // argv run in the container
	Interval    int64    `json:"interval"`
	Timeout     int64    `json:"timeout"`
	Retries     int      `json:"retries"`
	StartPeriod int64    `json:"startPeriod"`
}

// A File is a file on a host; its node is "file:NAME". Exactly one of Content
// and Source is set.
type File struct {
	Declared
	Host    string `json:"host"`
	Path    string `json:"path"` // absolute
	Content *Value `json:"content,omitempty"`
	Source  *Input `json:"source,omitempty"`
	Mode    string `json:"mode"`
	Owner   string `json:"owner"`
	Group   string `json:"group"`
}

// A Firewall is what a host lets in; its node is "firewall:NAME".
type Firewall struct {
	Declared
	Host  string `json:"host"`
	Allow []Rule `json:"allow,omitempty"`
}

// A Rule opens one port.
type Rule struct {
	Proto   string   `json:"proto"` // tcp or udp
	Port    int      `json:"port"`
	Sources []string `json:"sources,omitempty"` // CIDR prefixes; none = everywhere
}

// A Probe asks a running service something, as a part of `test`; its node is
// "probe:NAME". Exactly one of UDPTracker, HTTPTracker, HTTP and TCP is set.
type Probe struct {
	Declared
	Host        string `json:"host"`
	UDPTracker  *Value `json:"udpTracker,omitempty"`  // udp://host:port
	HTTPTracker *Value `json:"httpTracker,omitempty"` // http://host:port/announce[/key]
	HTTP        *Value `json:"http,omitempty"`        // URL
	TCP         *Value `json:"tcp,omitempty"`         // host:port
	Inside      bool   `json:"inside,omitempty"`      // connect from the machine, through ssh
	Expect      Expect `json:"expect"`
	Timeout     int64  `json:"timeout"` // nanoseconds
}

// Expect is what a probe must see; zero fields are not checked.
type Expect struct {
	Status int          `json:"status,omitempty"`
	Body   string       `json:"body,omitempty"`   // a substring
	JSON   []NamedValue `json:"json,omitempty"`   // dotted path in the body → text of its value
	Silent bool         `json:"silent,omitempty"` // no answer and no connection
}
