package deploy

import (
	"fmt"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// refused asks for the files that must not be among a service's data.
func (r service) refused() []hosts.Query {
	var queries []hosts.Query
	for _, d := range r.service.Data {
		for _, f := range d.Refuse {
			queries = append(queries, hosts.FileQuery{Path: refusedPath(d, f)})
		}
	}
	return queries
}

// refuse returns a *refusedError for the first of them that is there.
func (r service) refuse(facts hosts.Facts) error {
	for _, d := range r.service.Data {
		for _, f := range d.Refuse {
			path := refusedPath(d, f)
			if fact, ok := hosts.Find[*hosts.FileFact](facts, hosts.FileQuery{Path: path}); ok && fact.Type != "" {
				return &refusedError{path, f.Reason}
			}
		}
	}
	return nil
}

func refusedPath(d environments.DataMount, f environments.Refusal) string {
	return dataSource(d) + "/" + f.File
}

// A refusedError is a file on a machine with which a service must not be
// worked on.
type refusedError struct{ path, reason string }

func (e *refusedError) Error() string { return fmt.Sprintf("the machine has %s", e.path) }

// Hint is the reason that the declaration gives, with what to do.
func (e *refusedError) Hint() string { return e.reason }
