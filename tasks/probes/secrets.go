package probes

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// secrets are the texts that an attempt must not repeat, not even when a
// service sends them back.
type secrets struct {
	declared []disguise // of secret()
	written  []disguise // in the query and the user of a URL
}

type disguise struct{ text, mask string }

// watch answers like lookup and remembers every secret that goes by.
func (s *secrets) watch(lookup environments.Lookup) environments.Lookup {
	return func(leaf environments.Value) (string, error) {
		text, err := lookup(leaf)
		if err == nil && leaf.Kind == environments.Hidden {
			s.declared = disguises(s.declared, text, tasks.Mask(leaf.Name))
		}
		return text, err
	}
}

// shortest is the length from which a value in a URL is taken for a secret: a
// shorter one is an option, and its text is everywhere.
const shortest = 6

// url remembers what u holds beside its address and path.
func (s *secrets) url(u *url.URL) {
	var values []string
	for _, v := range u.Query() {
		values = append(values, v...)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		values = append(values, u.User.Username(), password)
	}
	for _, v := range values {
		if len(v) >= shortest {
			s.written = disguises(s.written, v, "(hidden)")
		}
	}
}

// disguises adds text to list as it is written in plain text and in URLs.
func disguises(list []disguise, text, mask string) []disguise {
	quoted := url.QueryEscape(text)
	for _, form := range []string{text, quoted, strings.ReplaceAll(quoted, "+", "%20"), url.PathEscape(text)} {
		if form != "" && !slices.Contains(list, disguise{form, mask}) {
			list = append(list, disguise{form, mask})
		}
	}
	return list
}

// hide returns text with every declared secret masked.
func (s *secrets) hide(text string) string { return mask(text, s.declared) }

func mask(text string, list []disguise) string {
	// The longest first: a secret may begin like another one.
	list = slices.SortedFunc(slices.Values(list), func(a, b disguise) int { return cmp.Compare(len(b.text), len(a.text)) })
	var pairs []string
	for _, d := range list {
		pairs = append(pairs, d.text, d.mask)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// excerptLength is how much of an answer is repeated, in bytes.
const excerptLength = 300

// excerpt returns the beginning of what a service said, in quotes. It masks
// before it cuts: half a secret is one, too.
func (s *secrets) excerpt(said string) string {
	said = mask(said, slices.Concat(s.declared, s.written))
	if len(said) > excerptLength {
		return fmt.Sprintf("%q…", said[:excerptLength])
	}
	return fmt.Sprintf("%q", said)
}

// clean returns err, or its masked text where err holds a secret.
func (s *secrets) clean(err error) error {
	masked := s.hide(err.Error())
	if masked == err.Error() {
		return err
	}
	f := &failure{text: masked}
	if h, ok := errors.AsType[hinted](err); ok {
		f.hint = s.hide(h.Hint())
	}
	return f
}

// address returns a URL without its user, query and fragment, and what is no
// URL as it is; of a URL that does not parse only the scheme is sure to be no
// secret.
func address(target string) string {
	scheme, _, ok := strings.Cut(target, "://")
	if !ok {
		return target
	}
	u, err := url.Parse(target)
	if err != nil {
		return scheme + "://…"
	}
	path := strings.NewReplacer("%20", " ", "%28", "(", "%29", ")").Replace(u.EscapedPath()) // as in a mask
	return u.Scheme + "://" + u.Host + path
}
