package check

import (
	"context"
	"errors"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// unit returns the test that a function of a Starlark file is.
func unit(file string, u eval.UnitTest) Test {
	name := file + ":" + u.Name
	return Test{name, func(ctx context.Context) Result { return result(name, u.Run(ctx)) }}
}

// broken returns a test that fails because its file cannot be read as tests.
func broken(file string, err error) Test {
	return Test{file, func(context.Context) Result { return result(file, err) }}
}

// result is what an error means; nil is a test that passed.
func result(name string, err error) Result {
	if err == nil {
		return Result{Name: name, Outcome: Passed}
	}
	e, ok := errors.AsType[*eval.Error](err)
	if !ok {
		return Result{Name: name, Outcome: Failed, Output: err.Error() + "\n"}
	}
	var b strings.Builder
	environments.WriteProblems(&b, e.Problems)
	return Result{Name: name, Outcome: Failed, Output: b.String()}
}
