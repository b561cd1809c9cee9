package probes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
)

// compare checks a page against what the probe expects. Where nothing is
// expected at all, a status from 400 on is still a failure: a probe that
// nothing can fail shows nothing.
func (a *attempt) compare(got page) error {
	want := a.expect
	if want.Status == 0 && want.Body == "" && len(want.JSON) == 0 && got.status >= http.StatusBadRequest {
		return a.status(got, "one below 400")
	}
	if want.Status != 0 && got.status != want.Status {
		return a.status(got, strconv.Itoa(want.Status))
	}
	if want.Body != "" && !bytes.Contains(got.body, []byte(want.Body)) {
		return fmt.Errorf("the body does not contain %q: %s", want.Body, a.secrets.excerpt(string(got.body)))
	}
	if len(want.JSON) == 0 {
		return nil
	}
	document, err := decode(got.body)
	if err != nil {
		return fmt.Errorf("the body is not JSON (%w): %s", err, a.secrets.excerpt(string(got.body)))
	}
	var errs []error
	for _, w := range want.JSON {
		errs = append(errs, a.field(document, w))
	}
	return errors.Join(errs...)
}

// status is about a wrong status. torrust-tracker's API answers 500 where
// others say 401.
func (a *attempt) status(got page, want string) error {
	text := fmt.Sprintf("the status is %d instead of %s: %s", got.status, want, a.secrets.excerpt(string(got.body)))
	for _, word := range []string{"unauthorized", "token not valid", "unknown token"} {
		if bytes.Contains(got.body, []byte(word)) {
			return &failure{text: text, hint: "the token in the URL is not one of the service's: see where both come from"}
		}
	}
	return errors.New(text)
}

// field compares one value of a JSON document.
func (a *attempt) field(document any, want environments.NamedValue) error {
	expected, err := want.Value.Render(a.lookup)
	if err != nil {
		return err
	}
	value, err := at(document, want.Name)
	if err != nil {
		return err
	}
	got := text(value)
	switch {
	case got == expected:
		return nil
	case want.Value.Secret():
		return fmt.Errorf("%s is not %s", want.Name, want.Value)
	}
	return fmt.Errorf("%s is %s instead of %q", want.Name, a.secrets.excerpt(got), expected)
}

// decode reads one JSON document and nothing after it; numbers keep their
// digits.
func decode(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	return v, nil
}

// at returns the value at a dotted path: keys of objects and indexes of
// arrays.
func at(document any, path string) (any, error) {
	value, before := document, ""
	for step := range strings.SplitSeq(path, ".") {
		var next any
		var ok bool
		switch v := value.(type) {
		case map[string]any:
			next, ok = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if ok = err == nil && i >= 0 && i < len(v); ok {
				next = v[i]
			}
		}
		if !ok {
			return nil, fmt.Errorf("%s is not there: %s", path, within(value, before, step))
		}
		value, before = next, strings.TrimPrefix(before+"."+step, ".")
	}
	return value, nil
}

// within says why there is no step in value, which is at the path before.
func within(value any, before, step string) string {
	if before == "" {
		before = "the document"
	}
	switch v := value.(type) {
	case map[string]any:
		return fmt.Sprintf("%s has no key %q", before, step)
	case []any:
		return fmt.Sprintf("%s has %d elements, not one at %q", before, len(v), step)
	}
	return fmt.Sprintf("%s is neither an object nor an array", before)
}

// text returns what a value of the document is compared as: a string is
// itself, anything else its JSON.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}
