package builtins

import (
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func dataset() Builtin {
	empty := starlark.NewList(nil)
	return Builtin{
		Name: "dataset", positional: 1,
		Doc: "What of a service is worth saving, for backup(of = …). A library puts it on what it returns, as .backup.",
		Example: `store = compose_service(name = "store", host = web, image = "redis:7.4.1", healthcheck = healthcheck(["true"]), data = {"/data": "store"})
dataset(store, sqlite = ["/data/store.db"])`,
		Parameters: []Parameter{
			{Name: "service", to: payload[environments.Service]("compose_service"), Example: "store", Doc: "The service."},
			{Name: "sqlite", to: listOf[string](absolute()), preset: empty, Example: `["/data/store.db"]`, Doc: "SQLite databases, by path in the container, copied consistently while they are in use."},
			{Name: "dump", to: optional(words()), preset: starlark.None, Example: `["redis-cli", "--rdb", "-"]`, Doc: "A command run in the container whose output is saved."},
			{Name: "paths", to: listOf[string](absolute()), preset: empty, Example: `["/data/uploads"]`, Doc: "Files and directories, by path in the container, copied as they are."},
		},
		make: makeDataset,
	}
}

func makeDataset(c *call) starlark.Value {
	s := get[environments.Service](c, "service")
	d := environments.Dataset{Service: s.Name, SQLite: get[[]string](c, "sqlite"), Dump: get[[]string](c, "dump"), Paths: get[[]string](c, "paths")}
	c.inData("sqlite", d.SQLite, s)
	c.inData("paths", d.Paths, s)
	if len(d.SQLite)+len(d.Dump)+len(d.Paths) == 0 {
		c.problem("", "none of sqlite, dump and paths is given", "")
	}
	return valueHandle("dataset", d)
}

// inData complains about paths of an argument that no data directory holds.
func (c *call) inData(argument string, paths []string, s environments.Service) {
	for i, p := range paths {
		if !slices.ContainsFunc(s.Data, func(m environments.DataMount) bool { return p == m.Path || strings.HasPrefix(p, m.Path+"/") }) {
			c.place(argument, misfitf("%s is in no data directory of compose_service %q", quote(p), s.Name).at(element(i)))
		}
	}
}
