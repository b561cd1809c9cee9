package lint

// Rules returns every rule, in the order in which they are explained.
func Rules() []Rule {
	return []Rule{
		{
			Code: "unused-load", Summary: "a name is loaded and never used",
			Why: "Whoever reads the file looks for where the name is used, and every change of the library has them look again. What a load brings is known in this file only, so nobody else can use it.",
			Bad: `"""A machine."""
load("@torrust//tracker.star", "tracker")
vm(name = "web", provider = simulated("machines/web"))
`,
			Good: `"""A tracker."""
load("@torrust//tracker.star", "tracker")
web = vm(name = "web", provider = simulated("machines/web"))
tracker(name = "tracker", host = web)
firewall(name = "edge", host = web, allow = [udp(6969), tcp(7070)])
`,
			file: unusedLoad,
		},
		{
			Code: "shadowed-builtin", Summary: "a variable or function is called like a built-in",
			Why: "Below and above it, the name means the variable: the built-in cannot be called in this file any more, and a call that stands before it fails. Parameters of functions are left alone, since their names are for the caller.",
			Bad: `"""A machine."""
vm(name = "web", provider = simulated("machines/web"))
volume = "10GiB"
`,
			Good: `"""A machine."""
vm(name = "web", provider = simulated("machines/web"))
data_size = "10GiB"
`,
			file: shadowedBuiltin,
		},
		{
			Code: "missing-doc", Summary: "a file, a function of a library, a task, a group or a parameter does not say what it is for",
			Why: "list, help and completion show these texts to people who have not read the file. In an environment file the doc of environment(…) will do in place of a text at its start. Its functions need none, nor do those of a file with tests.",
			Bad: `"""A task of mine."""
task(name = "pages", run = ["./render.sh"])
`,
			Good: `"""A task of mine."""
task(name = "pages", run = ["./render.sh"], doc = "Render the pages.")
`,
			file: missingFileDoc, whole: missingDoc,
		},
		{
			Code: "plain-secret", Summary: "a password, a token or a key is written in the file",
			Why: "The file is committed, copied and shown, and so is every secret in it. Its line is not shown here. A value is taken for a secret by the name that it is given (password, token, api_key, …) or by what it looks like.",
			Bad: `"""A database."""
web = vm(name = "web", provider = simulated("machines/web"))
compose_service(
    name = "db", host = web, image = "mysql:8.4.3", healthcheck = healthcheck(["mysqladmin", "ping"]),
    environment = {"MYSQL_ROOT_PASSWORD": "correct horse"},
)
`,
			Good: `"""A database."""
web = vm(name = "web", provider = simulated("machines/web"))
compose_service(
    name = "db", host = web, image = "mysql:8.4.3", healthcheck = healthcheck(["mysqladmin", "ping"]),
    environment = {"MYSQL_ROOT_PASSWORD_FILE": "/run/secrets/root"},
    files = {"/run/secrets/root": mount(secret("MYSQL_ROOT_PASSWORD", generate = True), owner = "999:999")},
)
`,
			discreet: true, file: plainSecret,
		},
		{
			Code: "readable-secret", Summary: "a secret is in a file or a label that everybody on the machine can read",
			Why: "A config_file has mode 0644 unless it says otherwise, and labels and the like of a container are shown to whoever may ask the daemon. In arguments of processes a secret is an error already.",
			Bad: `"""A machine with a key."""
web = vm(name = "web", provider = simulated("machines/web"))
config_file(name = "key", host = web, path = "/etc/app.key", content = secret("APP_KEY", generate = True))
`,
			Good: `"""A machine with a key."""
web = vm(name = "web", provider = simulated("machines/web"))
config_file(name = "key", host = web, path = "/etc/app.key", content = secret("APP_KEY", generate = True), mode = "0600")
`,
			whole: readableSecret,
		},
		{
			Code: "secret-in-environment", Summary: "a secret is a variable of a container",
			Why: "Who may ask the daemon is shown the variables of a container, and so is every process in it. Many images read a secret from a file that a variable names (…_FILE), or from their configuration, and such a file can be its owner's alone. Where the image knows nothing else, silence it and say so.",
			Bad: `"""A database."""
web = vm(name = "web", provider = simulated("machines/web"))
compose_service(
    name = "db", host = web, image = "mysql:8.4.3", healthcheck = healthcheck(["mysqladmin", "ping"]),
    environment = {"MYSQL_ROOT_PASSWORD": secret("MYSQL_ROOT_PASSWORD", generate = True)},
)
`,
			Good: `"""A database."""
web = vm(name = "web", provider = simulated("machines/web"))
compose_service(
    name = "db", host = web, image = "mysql:8.4.3", healthcheck = healthcheck(["mysqladmin", "ping"]),
    environment = {"MYSQL_ROOT_PASSWORD_FILE": "/run/secrets/root"},
    files = {"/run/secrets/root": mount(secret("MYSQL_ROOT_PASSWORD", generate = True), owner = "999:999")},
)
`,
			whole: shownSecret,
		},
		{
			Code: "unpinned-image", Summary: "an image has no tag, or the tag latest",
			Why: "The machine keeps what the tag meant at the first release, until --pull; another machine, or the same one made anew, gets what it means by then. A version, or a digest, is the same everywhere.",
			Bad: `"""A cache."""
web = vm(name = "web", provider = simulated("machines/web"))
compose_service(name = "cache", host = web, image = "redis", healthcheck = healthcheck(["redis-cli", "ping"]))
`,
			Good: `"""A cache."""
web = vm(name = "web", provider = simulated("machines/web"))
compose_service(name = "cache", host = web, image = "redis:7.4.1", healthcheck = healthcheck(["redis-cli", "ping"]))
`,
			whole: unpinnedImage,
		},
		{
			Code: "closed-port", Summary: "a port is published and no firewall opens it",
			Why: "The firewall of a machine is asked before Docker is, so nobody outside reaches the port. Other containers reach it by the service's name without its being published.",
			Bad: `"""A site."""
web = vm(name = "web", provider = simulated("machines/web"))
compose_service(
    name = "site", host = web, image = "nginx:1.29", healthcheck = healthcheck(["true"]),
    ports = [publish(80)],
)
`,
			Good: `"""A site."""
web = vm(name = "web", provider = simulated("machines/web"))
compose_service(
    name = "site", host = web, image = "nginx:1.29", healthcheck = healthcheck(["true"]),
    ports = [publish(80), publish(9000, address = "127.0.0.1")],
)
firewall(name = "edge", host = web, allow = [tcp(80)])
`,
			whole: closedPort,
		},
		{
			Code: "idle-port", Summary: "a firewall opens a port that nothing publishes",
			Why: "Whatever listens there one day is open to the world without anybody having decided so. Where something else than a service listens, a package or a task of yours, silence it and say what.",
			Bad: `"""A machine."""
web = vm(name = "web", provider = simulated("machines/web"))
firewall(name = "edge", host = web, allow = [tcp(8080)])
`,
			Good: `"""A machine."""
web = vm(name = "web", provider = simulated("machines/web"), packages = ["nginx"])
# lint: ignore idle-port: the package nginx listens there
firewall(name = "edge", host = web, allow = [tcp(22), tcp(80)])
`,
			whole: idlePort,
		},
		{
			Code: "unknown-rule", Summary: "a comment ignores a rule that does not exist",
			Why: "It silences nothing, though it looks as if it did.",
			Bad: `"""A machine."""
vm(name = "web", provider = simulated("machines/web"))  # lint: ignore unpinned-images
`,
			Good: `"""A cache."""
web = vm(name = "web", provider = simulated("machines/web"))
compose_service(name = "cache", host = web, image = "redis", healthcheck = healthcheck(["redis-cli", "ping"]))  # lint: ignore unpinned-image
`,
			file: unknownRule,
		},
	}
}
