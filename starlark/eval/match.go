package eval

import (
	"fmt"
	"os"

	"github.com/torrust/tracker-deployer/environments"
)

// Match returns what a glob() that was read finds now in the project at root,
// sorted, relative to it.
func Match(root string, r environments.Read) ([]string, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("project %q: %w", root, plainError(err))
	}
	defer dir.Close()
	return (&files{root: dir}).Match(r.Include, r.Exclude)
}
