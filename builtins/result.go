package builtins

// A Type is what a built-in returns: a handle, by the name that type() gives.
type Type struct {
	Name       string
	Doc        string
	Attributes []Attribute // in the order of help; none for a value that is only passed on
}

// An Attribute is what stands behind the dot of a handle.
type Attribute struct {
	Name       string
	Type       string // as that of a Parameter; of a method what it returns
	Doc        string
	Example    string
	Method     bool
	Parameters []Parameter // of a method
}

// Types returns every type of handle, resources first.
func Types() []Type {
	named := func(doc string) []Attribute {
		return []Attribute{{Name: "name", Type: "string", Doc: "As it was declared.", Example: doc}}
	}
	return []Type{
		{"vm", "A machine.", append(named("web.name"),
			Attribute{Name: "ipv4", Type: text1, Doc: "IPv4 address as the operator reaches it.", Example: "web.ipv4"},
			Attribute{Name: "ipv6", Type: text1, Doc: "IPv6 address as the operator reaches it.", Example: "web.ipv6"},
			Attribute{Name: "port", Type: text1, Method: true, Doc: "Port on the operator's side that leads to a port of the machine.", Example: "web.port(80)",
				Parameters: []Parameter{{Name: "n", Type: "int", Required: true, Doc: "Port of the machine.", Example: "80"}}},
			Attribute{Name: "architecture", Type: "string", Doc: "\"amd64\" or \"arm64\"; empty where only the machine knows.", Example: "web.architecture"},
		)},
		{"compose_service", "A container that compose keeps running.", append(named("site.name"),
			Attribute{Name: "endpoint", Type: "endpoint", Method: true, Doc: "A port of the container, to be connected to.", Example: "site.endpoint(80)",
				Parameters: []Parameter{
					{Name: "port", Type: "int", Required: true, Doc: "Port of the container.", Example: "80"},
					{Name: "forwarded", Type: "bool", Default: "False", Doc: "Whether the service takes the client's address from X-Forwarded-For, which a proxy then has to set.", Example: "True"},
				}},
		)},
		{"config_file", "A file on a machine.", append(named("motd.name"),
			Attribute{Name: "path", Type: "string", Doc: "Where it is on the machine.", Example: "motd.path"})},
		{"firewall", "What a machine lets in.", named("edge.name")},
		{"probe", "A question that test asks.", named("health.name")},
		{"task", "Something of yours that runs; in inputs and config_file(source = …) its outputs are meant.", named("pages.name")},
		{"group", "A target that names others.", named("assets.name")},
		{"rotation", "How a service gets another value of a secret.", named("db.name")},
		{"tls", "A reverse proxy with certificates, which is a service as well.", named("edge.name")},
		{"backup", "Data that is saved again and again.", named("nightly.name")},
		{"endpoint", "A port of a service.", []Attribute{
			{Name: "host", Type: text1, Doc: "Address of the machine as the operator reaches it.", Example: "site.endpoint(80).host"},
			{Name: "port", Type: text1, Doc: "Port as the operator reaches it.", Example: "site.endpoint(80).port"},
			{Name: "address", Type: text1, Doc: "host:port as the operator reaches it.", Example: "site.endpoint(80).address"},
			{Name: "internal", Type: "string", Doc: "service:port, as other containers of the machine reach it.", Example: "site.endpoint(80).internal"},
			{Name: "url", Type: text1, Method: true, Doc: "The address as a URL.", Example: `site.endpoint(80).url("http", "/health")`,
				Parameters: []Parameter{
					{Name: "scheme", Type: "string", Default: `"http"`, Doc: "What stands before the colon.", Example: `"https"`},
					{Name: "path", Type: "string", Default: `""`, Doc: "What stands behind the address.", Example: `"/health"`},
					{Name: "inside", Type: "bool", Default: "False", Doc: "Whether it is asked from the machine itself.", Example: "True"},
				}},
		}},
		{"qemu", "Where a machine comes from: a virtual one on the operator's computer.", nil},
		{"existing", "Where a machine comes from: it is there already.", nil},
		{"hetzner", "Where a machine comes from: Hetzner Cloud.", nil},
		{"simulated", "Where a machine comes from: a directory.", nil},
		{"bridge", "The network of a virtual machine.", nil},
		{"tcp", "A TCP port of a firewall.", nil},
		{"udp", "A UDP port of a firewall.", nil},
		{"publish", "A port that a machine publishes.", nil},
		{"mount", "A file of a container.", nil},
		{"volume", "A directory that outlives containers.", nil},
		{"healthcheck", "How a container is found healthy.", nil},
		{"registry_login", "How a machine logs in to a registry.", nil},
		{"letsencrypt", "Who gives certificates: Let's Encrypt.", nil},
		{"acme", "Who gives certificates: any issuer that speaks ACME.", nil},
		{"dataset", "What of a service is worth saving.", nil},
		{"option", "What a task takes from the command line.", nil},
		{"shell", "A command that a shell reads.", nil},
	}
}

// text1 is the type of text that may be known only later.
const text1 = "text, may be deferred"

// returns says what built-ins return that do not return the handle that is
// called like them: its type in the words of a Parameter.
var returns = map[string]string{
	"environment": "None", "renamed": "None", "warn": "None", "fail": "nothing",
	"secret": text1, "checked": text1, "fmt": text1, "toml.encode": text1, "yaml.encode": text1, "json.encode": text1,
	"urlquote": text1, "template": text1, "arg": text1,
	"param": "any value", "glob": "list of paths", "read_config": "any value", "label": "resource",
}

// Returns says what b returns, in the words of a Parameter's type: the name of
// one of Types, or another one.
func (b *Builtin) Returns() string {
	if r, ok := returns[b.Name]; ok {
		return r
	}
	return b.Name
}

// Positional returns how many of the leading parameters may be given without
// their name; all others need it, but for one that starts with *.
func (b *Builtin) Positional() int { return b.positional }
