package builtins

import (
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/torrust/tracker-deployer/environments"
)

func backup() Builtin {
	return Builtin{
		Name: "backup",
		Doc:  "Saves data of services of a machine again and again. Taking them is for a later version: deploy refuses it, render shows it.",
		Example: `store = compose_service(name = "store", host = web, image = "redis:7.4.1", healthcheck = healthcheck(["true"]), data = {"/data": "store"})
backup(name = "nightly", host = web, of = [store], keep_days = 14)`,
		kind: "backup",
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"nightly"`, Doc: "Unique among the backups."},
			{Name: "host", to: host(), Example: "web", Doc: "The machine whose services are meant."},
			{Name: "of", to: listOf[[]environments.Dataset](datasets()), Example: "[store]", Doc: "What is saved: what tracker(…), mysql(…) and the like return, dataset(…), or a service, of which all data directories are meant."},
			{Name: "schedule", to: schedule(), preset: starlark.String("0 3 * * *"), Example: `"30 2 * * 0"`, Doc: "When, in the five fields of cron: minute, hour, day of the month, month, day of the week; in the machine's time zone."},
			{Name: "keep_days", to: integer(1, 36500), preset: starlark.MakeInt(7), Unit: "days", Example: "14", Doc: "How long a copy is kept."},
			{Name: "to", to: optional(repository()), preset: starlark.None, Example: `"sftp:u1@u1.example.com:/torrust"`, Doc: "A repository elsewhere that copies also go to; None keeps them on the machine only."},
		},
		make: makeBackup,
	}
}

func schedule() converter {
	return checked(text(), "schedule", func(s string) error {
		if _, err := environments.ParseSchedule(s); err != nil {
			return misfitf("%s: %s", quote(s), err).withHint(`five fields of cron: "0 3 * * *" is every day at three`)
		}
		return nil
	})
}

// repository takes a place for copies as restic spells it, without a password
// in it.
func repository() converter {
	return matching("repository", `(sftp:([a-z_][a-z0-9_-]*@)?[A-Za-z0-9.-]+:[^\s:@]+|s3:https://[^\s@]+|rest:https://[^\s@]+)`,
		"a repository such as sftp:user@host:/path, s3:https://host/bucket or rest:https://host/, without a password")
}

func makeBackup(c *call) starlark.Value {
	b := environments.Backup{
		Declared: c.declare(), Host: get[string](c, "host"), Schedule: get[string](c, "schedule"),
		KeepDays: get[int](c, "keep_days"), To: get[string](c, "to"),
	}
	seen := map[string]bool{}
	for i, list := range get[[][]environments.Dataset](c, "of") {
		for _, d := range list {
			s, ok := c.Environment.Service(d.Service)
			switch {
			case ok && s.Host != b.Host:
				c.place("of", misfitf("compose_service %q is on another host, vm %q", s.Name, s.Host).at(element(i)))
			case seen[d.Service]:
				c.place("of", misfitf("compose_service %q is there twice", d.Service).at(element(i)))
			}
			seen[d.Service] = true
			b.Of = append(b.Of, d)
		}
	}
	if len(b.Of) == 0 && !c.bad {
		c.problem("of", "of: there is nothing to save", "")
	}
	if c.bad {
		return nil
	}
	c.Environment.Backups = append(c.Environment.Backups, b)
	return &Handle{kind: "backup", name: b.Name, node: "backup:" + b.Name, host: b.Host, attributes: []attribute{{"name", starlark.String(b.Name)}}}
}

// datasets takes whatever knows what of it is worth saving.
func datasets() converter {
	const wanted = "something with data"
	var convert func(v starlark.Value) (any, error)
	convert = func(v starlark.Value) (any, error) {
		switch v := v.(type) {
		case *Handle:
			if d, ok := v.payload.(environments.Dataset); ok {
				return []environments.Dataset{d}, nil
			}
			if s, ok := v.payload.(environments.Service); ok {
				return everything(s)
			}
		case *starlarkstruct.Struct:
			if inner, err := v.Attr("backup"); err == nil {
				return convert(inner)
			}
			return nil, misfitf("got a struct without .backup, which would say what of it is worth saving").withHint("dataset(…) says so")
		case *starlark.List:
			all := []environments.Dataset{}
			for i := range v.Len() {
				list, err := convert(v.Index(i))
				if err != nil {
					return nil, err
				}
				all = append(all, list.([]environments.Dataset)...)
			}
			return all, nil
		}
		return nil, want(v, wanted)
	}
	return converter{wanted, convert}
}

// everything is all data directories of a service.
func everything(s environments.Service) (any, error) {
	d := environments.Dataset{Service: s.Name}
	for _, m := range s.Data {
		d.Paths = append(d.Paths, m.Path)
	}
	if len(d.Paths) == 0 {
		return nil, misfitf("compose_service %q keeps no data", s.Name)
	}
	return []environments.Dataset{d}, nil
}
