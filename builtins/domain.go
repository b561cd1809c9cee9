package builtins

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// domain takes the name of a site: RFC 1035 in lower case, two labels or more,
// as a certificate may carry it.
func domain() converter { return checked(text(), "domain name", checkDomain) }

func checkDomain(s string) error {
	name := s
	if wild, ok := strings.CutPrefix(s, "*."); ok {
		return misfitf("%s is a wildcard, and those need a DNS challenge, which there is not", quote(s)).withHint("give every name below %s a site of its own", wild)
	}
	switch {
	case s == "":
		return misfitf("must not be empty")
	case strings.Contains(s, "://") || strings.ContainsAny(s, "/:"):
		return misfitf("%s is not a domain name", quote(s)).withHint("without scheme, port and path: \"tracker.example.com\"")
	case len(s) > 253:
		return misfitf("%s has %d characters, at most 253", quote(s), utf8.RuneCountInString(s))
	case strings.HasSuffix(s, "."):
		return misfitf("%s ends with a dot", quote(s))
	case s != strings.ToLower(s):
		return misfitf("%s is not in lower case", quote(s)).withHint("write %q", strings.ToLower(s))
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if err := checkDomainLabel(l); err != nil {
			return misfitf("%s: %s", quote(s), err)
		}
	}
	if len(labels) < 2 {
		return misfitf("%s has no dot", quote(s)).withHint("the name has to be known in the DNS: \"tracker.example.com\"")
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return misfitf("%s is an address or ends like one", quote(s)).withHint("a certificate is for a name")
	}
	return nil
}

func checkDomainLabel(l string) error {
	switch {
	case l == "":
		return fmt.Errorf("a label is empty")
	case len(l) > 63:
		return fmt.Errorf("the label %s has %d characters, at most 63", quote(l), utf8.RuneCountInString(l))
	case l[0] == '-' || l[len(l)-1] == '-':
		return fmt.Errorf("the label %q begins or ends with -", l)
	}
	for _, r := range l {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
		case r > 0x7f:
			return fmt.Errorf("%q is not ASCII: write the name as xn--…", r)
		default:
			return fmt.Errorf("%q may not be in a domain name", r)
		}
	}
	return nil
}

// What stands before the @: no quoting, no comments.
var localPart = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`|~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`|~-]+)*$")
})

// email takes the address of a person.
func email() converter { return checked(text(), "e-mail address", checkEmail) }

func checkEmail(s string) error {
	local, at, ok := strings.Cut(s, "@")
	if !ok || len(local) > 64 || !localPart().MatchString(local) || checkDomain(strings.ToLower(at)) != nil {
		return misfitf("%s is not an e-mail address", quote(s))
	}
	return nil
}

// CheckDomain says what is wrong with the domain name of a site, nil for a good
// one. The error may have a hint.
func CheckDomain(s string) error { return checkDomain(s) }

// CheckEmail says what is wrong with an e-mail address, nil for a good one.
func CheckEmail(s string) error { return checkEmail(s) }
