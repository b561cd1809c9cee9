package builtins

import (
	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func healthcheck() Builtin {
	return Builtin{
		Name: "healthcheck", positional: 1,
		Doc:     "How a container is found healthy: a command run in it that exits 0.",
		Example: `healthcheck(["redis-cli", "ping"], interval = "5s")`,
		Parameters: []Parameter{
			{Name: "cmd", to: words(), Example: `["redis-cli", "ping"]`, Doc: "The command, as a list of words; the image must have it."},
			{Name: "interval", to: duration(shortest), preset: starlark.String("10s"), Unit: "ms, s, m", Example: `"5s"`, Doc: "Time between two checks."},
			{Name: "timeout", to: duration(shortest), preset: starlark.String("5s"), Unit: "ms, s, m", Example: `"2s"`, Doc: "When a check that has not ended has failed."},
			{Name: "retries", to: integer(1, 1000), preset: starlark.MakeInt(5), Unit: "checks", Example: "3", Doc: "Failures in a row that make the container unhealthy."},
			{Name: "start_period", to: duration(0), preset: starlark.String("30s"), Unit: "ms, s, m", Example: `"1m"`, Doc: "Time in which failures do not count."},
		},
		make: func(c *call) starlark.Value {
			return valueHandle("healthcheck", environments.Health{
				Command: get[[]string](c, "cmd"), Interval: get[int64](c, "interval"), Timeout: get[int64](c, "timeout"),
				Retries: get[int](c, "retries"), StartPeriod: get[int64](c, "start_period"),
			})
		},
	}
}
