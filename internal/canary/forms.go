package canary

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Form is a way to write a text.
type Form struct{ Name, Text string }

// Forms returns the ways to write value, each text once. Base64 depends on
// where in a longer text the value begins: all three beginnings are there,
// without the characters that its neighbours have a part in.
func Forms(value string) []Form {
	forms := []Form{
		{"raw", value},
		{"hex", hex.EncodeToString([]byte(value))},
		{"upper-case hex", strings.ToUpper(hex.EncodeToString([]byte(value)))},
		{"base32", strings.TrimRight(base32.StdEncoding.EncodeToString([]byte(value[:len(value)/5*5])), "=")},
		{"a query", url.QueryEscape(value)},
		{"a path", url.PathEscape(value)},
		{"percent", percent(value, "%%%02X", unreserved)},
		{"lower-case percent", percent(value, "%%%02x", unreserved)},
		{"percent everywhere", percent(value, "%%%02X", "")},
		{"JSON", jsonText(value, true)},
		{"JSON without HTML", jsonText(value, false)},
		{"ASCII JSON", asciiJSON(value)},
		{"Go", inner(strconv.Quote(value))},
		{"ASCII Go", inner(strconv.QuoteToASCII(value))},
		{"a shell word", strings.ReplaceAll(value, `'`, `'\''`)},
		{"a YAML word", strings.ReplaceAll(value, `'`, `''`)},
		{"doubled dollars", strings.ReplaceAll(value, `$`, `$$`)},
	}
	for _, e := range []struct {
		name string
		enc  *base64.Encoding
	}{{"base64", base64.RawStdEncoding}, {"URL base64", base64.RawURLEncoding}} {
		for before := range 3 {
			forms = append(forms, Form{fmt.Sprintf("%s from byte %d", e.name, before), aligned(e.enc, value, before)})
		}
	}
	var distinct []Form
	for _, f := range forms {
		if f.Text != "" && !slices.ContainsFunc(distinct, func(d Form) bool { return d.Text == f.Text }) {
			distinct = append(distinct, f)
		}
	}
	return distinct
}

// aligned encodes value as it stands behind so many other bytes, without the
// characters that hold bits of others.
func aligned(enc *base64.Encoding, value string, before int) string {
	text := enc.EncodeToString([]byte(strings.Repeat("\x00", before) + value))
	from := []int{0, 2, 3}[before]
	whole := (before + len(value)) * 8 / 6 // characters made of complete bits
	return text[from:whole]
}

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

func percent(value, format, plain string) string {
	var b strings.Builder
	for i := range len(value) {
		if strings.IndexByte(plain, value[i]) >= 0 {
			b.WriteByte(value[i])
		} else {
			fmt.Fprintf(&b, format, value[i])
		}
	}
	return b.String()
}

// unescape decodes every %XX and leaves everything else alone.
func unescape(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); i++ {
		if data[i] == '%' && i+2 < len(data) {
			if b, err := hex.DecodeString(string(data[i+1 : i+3])); err == nil {
				out = append(out, b[0])
				i += 2
				continue
			}
		}
		out = append(out, data[i])
	}
	return out
}

func jsonText(value string, html bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(value); err != nil {
		panic(err) // a string is always encoded
	}
	return inner(strings.TrimSuffix(b.String(), "\n"))
}

// asciiJSON is what Python's json.dumps writes.
func asciiJSON(value string) string {
	var b strings.Builder
	for _, r := range jsonText(value, false) {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r) // canaries hold none beyond U+FFFF
		}
	}
	return b.String()
}

func inner(quoted string) string { return quoted[1 : len(quoted)-1] }
