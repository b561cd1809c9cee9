package builtins

import (
	"testing"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// The short way of % gives what Starlark gives, or is not taken.
func TestPercentIsStarlarks(t *testing.T) {
	big := starlark.MakeInt64(1 << 62).Mul(starlark.MakeInt(16))
	short := 0
	for _, format := range []starlark.String{"", "x", "%d", "a%db", "%s", "é%sé", "%", "%%", "%%d", "%d%d", "%5d", "%x", "%r", "%(a)s", "%d%", "% d", "%sd"} {
		for _, v := range []starlark.Value{
			starlark.MakeInt(0), starlark.MakeInt(-7), big, starlark.String(""), starlark.String("%d"), starlark.String("ü\n"),
			starlark.True, starlark.Float(1.5), starlark.None, starlark.Tuple{starlark.MakeInt(1)}, starlark.NewList(nil),
		} {
			want, wantErr := starlark.Binary(syntax.PERCENT, format, v)
			got, err := percent(nil, nil, starlark.Tuple{format, v}, nil)
			if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() || err == nil && got != want {
				t.Errorf("%q %% %v is %v, %v; want %v, %v", format, v, got, err, want, wantErr)
			}
			if _, ok := interpolated(format, v); ok {
				short++
			}
		}
	}
	if short != 13 {
		t.Errorf("the short way was taken %d times, not 13", short)
	}
}
