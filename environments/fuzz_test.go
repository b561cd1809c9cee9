package environments

import "testing"

// FuzzArgument binds any text to an argument of any type: what Parse takes it
// takes again unchanged, and a process gets exactly that as one word, with
// nothing before or behind it.
func FuzzArgument(f *testing.F) {
	for _, s := range []string{"", "dark", "007", "-0", "true", "a,,b", "$(id); rm -rf /", "'\"\\", "{{.x}}", "\x00", "\xff", "é\n"} {
		f.Add(s, "int")
	}
	f.Fuzz(func(t *testing.T, text, kind string) {
		for _, kind := range []string{"string", "int", "bool", "list", kind} {
			o := Option{Name: "x", Type: kind}
			v, ok := o.Parse(text)
			if !ok {
				continue
			}
			if again, ok := o.Parse(v); !ok || again != v {
				t.Errorf("%s: %q became %q, then %q", kind, text, v, again)
			}
			argument := Value{Kind: Argument, Name: "x"}
			e := &Environment{Tasks: []Task{{Declared: Declared{Name: "t"}, Args: []Option{o}, Run: [][]Value{{argument, Join(Text("<"), argument, Text(">"))}}}}}
			argv := e.Bind(map[string]map[string]string{"t": {"x": v}}).Tasks[0].Run[0]
			one, known := argv[0].Static()
			two, alsoKnown := argv[1].Static()
			if !known || !alsoKnown || one != v || two != "<"+v+">" || len(argv) != 2 {
				t.Errorf("%s: %q reaches the process as %q and %q", kind, text, one, two)
			}
		}
	})
}
