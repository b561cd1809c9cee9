package probes

import (
	"errors"
	"fmt"
	"strconv"
)

// maximumDepth bounds lists and dictionaries within each other; a scrape has
// three.
const maximumDepth = 16

// bdecode reads one bencoded value (BEP 3) that fills b: an int64, a string,
// a []any or a map[string]any. It is strict: numbers in their shortest form,
// the keys of a dictionary sorted and different. Its errors repeat nothing of
// b, which may repeat a secret.
func bdecode(b []byte) (any, error) {
	d := &bdecoder{rest: b}
	v, err := d.value(0)
	if err == nil && len(d.rest) > 0 {
		err = fmt.Errorf("%d bytes follow the value", len(d.rest))
	}
	if err != nil {
		return nil, fmt.Errorf("byte %d: %w", len(b)-len(d.rest), err)
	}
	return v, nil
}

type bdecoder struct{ rest []byte }

func (d *bdecoder) value(depth int) (any, error) {
	switch c := d.peek(); {
	case depth > maximumDepth:
		return nil, fmt.Errorf("more than %d levels", maximumDepth)
	case c >= '0' && c <= '9':
		return d.text()
	case c == 'i':
		d.rest = d.rest[1:]
		return d.number('e')
	case c == 'l':
		d.rest = d.rest[1:]
		return d.list(depth)
	case c == 'd':
		d.rest = d.rest[1:]
		return d.dictionary(depth)
	case len(d.rest) == 0:
		return nil, errors.New("it ends in the middle")
	default:
		return nil, fmt.Errorf("%q begins no value", c)
	}
}

// peek returns the next byte, 0 at the end.
func (d *bdecoder) peek() byte {
	if len(d.rest) == 0 {
		return 0
	}
	return d.rest[0]
}

// number reads a decimal up to the byte end.
func (d *bdecoder) number(end byte) (int64, error) {
	const longest = len("-9223372036854775808")
	n := 0
	for n < len(d.rest) && n <= longest && d.rest[n] != end {
		n++
	}
	if n == len(d.rest) || d.rest[n] != end {
		return 0, fmt.Errorf("a number without its %q", end)
	}
	digits := string(d.rest[:n])
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || strconv.FormatInt(v, 10) != digits {
		return 0, errors.New("a number that is none, or not in its shortest form")
	}
	d.rest = d.rest[n+1:]
	return v, nil
}

func (d *bdecoder) text() (string, error) {
	n, err := d.number(':')
	if err != nil {
		return "", err
	}
	if n > int64(len(d.rest)) { // never negative: it begins with a digit
		return "", fmt.Errorf("a string of %d bytes in the last %d", n, len(d.rest))
	}
	s := string(d.rest[:n])
	d.rest = d.rest[n:]
	return s, nil
}

func (d *bdecoder) list(depth int) (any, error) {
	list := []any{}
	for d.peek() != 'e' {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	d.rest = d.rest[1:]
	return list, nil
}

func (d *bdecoder) dictionary(depth int) (any, error) {
	dictionary, last := map[string]any{}, ""
	for d.peek() != 'e' {
		if c := d.peek(); len(d.rest) > 0 && (c < '0' || c > '9') {
			return nil, fmt.Errorf("%q begins no key", c)
		}
		key, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		k := key.(string)
		if len(dictionary) > 0 && k <= last {
			return nil, errors.New("the keys of a dictionary are not sorted, or one comes twice")
		}
		if dictionary[k], err = d.value(depth + 1); err != nil {
			return nil, err
		}
		last = k
	}
	d.rest = d.rest[1:]
	return dictionary, nil
}
