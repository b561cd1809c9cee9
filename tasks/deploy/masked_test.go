package deploy

import "testing"

func TestMaskLines(t *testing.T) {
	const wanted = "# of app\nlevel = info\ntoken = \"" + mark + "TOKEN" + mark + "\"\n\ndatabase:\n  url: mysql://u:" + mark + "PW" + mark + "@db\n"
	for _, c := range []struct{ name, text, want string }{
		{"the same but for the secrets", "# of app\nlevel = info\ntoken = \"s3cret\"\n\ndatabase:\n  url: mysql://u:pw@db\n", unmark(wanted)},
		{"an edit beside them", "level = trace\ntoken = \"s3cret\"\n", "level = trace\ntoken = \"(secret TOKEN)\"\n"},
		{"another key", "old_token = \"s3cret\"\n", unshown},
		{"no key", "s3cret\n", unshown},
		{"a comment", "# token was s3cret\n", unshown},
		{"other quotes", "'token': s3cret\n", "token = \"(secret TOKEN)\"\n"},
		{"no newline at the end", "level = trace", "level = trace"},
	} {
		if got := unmark(maskLines(c.text, wanted, true)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	const key = "-----BEGIN\ns3cret\n-----END\n"
	if got := unmark(maskLines(key, mark+"KEY"+mark, true)); got != "(secret KEY)(secret KEY)(secret KEY)" {
		t.Errorf("a file that is a secret: %q", got)
	}
	if got := maskLines("level = s3cret\nsame = 1\n", "level = info\nsame = 1\n", false); got != unshown+"same = 1\n" {
		t.Errorf("a private file that has no secret any more: %q", got)
	}
}

func TestPrivate(t *testing.T) {
	for mode, want := range map[string]bool{"0600": true, "0400": true, "0644": false, "0640": false, "2770": false, "": false} {
		if private(mode) != want {
			t.Errorf("private(%q) = %v", mode, !want)
		}
	}
}
