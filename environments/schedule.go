package environments

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Schedule is when something happens again and again, as crontab(5) has it:
// five fields for minute, hour, day of the month, month and day of the week.
// Names, @daily and the like are not taken.
type Schedule struct {
	fields [5]scheduleField
}

// A scheduleField is the values of one field, sorted.
type scheduleField struct {
	values []int
	star   bool // the field begins with *
}

// The ranges of the fields. Sunday is 0, and also 7.
var scheduleRanges = [5]struct {
	name   string
	lo, hi int
}{{"minute", 0, 59}, {"hour", 0, 23}, {"day of the month", 1, 31}, {"month", 1, 12}, {"day of the week", 0, 7}}

// longest months, by number.
var monthDays = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// ParseSchedule reads the five fields of text. Errors are facts about text,
// without it.
func ParseSchedule(text string) (Schedule, error) {
	var s Schedule
	words := strings.Fields(text)
	if len(words) != 5 {
		return s, fmt.Errorf("has %d fields, want 5: minute, hour, day of the month, month, day of the week", len(words))
	}
	for i, w := range words {
		f, err := parseField(w, scheduleRanges[i].lo, scheduleRanges[i].hi)
		if err != nil {
			return s, fmt.Errorf("%s %w", scheduleRanges[i].name, err)
		}
		s.fields[i] = f
	}
	if week := &s.fields[4]; slices.Contains(week.values, 7) {
		week.values = normal(append(slices.DeleteFunc(week.values, func(d int) bool { return d == 7 }), 0))
	}
	if s.never() {
		return s, fmt.Errorf("never comes: none of its months has a day %d", s.fields[2].values[0])
	}
	return s, nil
}

func normal(values []int) []int {
	slices.Sort(values)
	return slices.Compact(values)
}

func parseField(text string, lo, hi int) (scheduleField, error) {
	f := scheduleField{star: strings.HasPrefix(text, "*")}
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		first, last, ranged := strings.Cut(span, "-")
		from, to, step := lo, hi, 1
		var err error
		if span != "*" {
			if from, err = fieldNumber(first, lo, hi); err != nil {
				return f, err
			}
			to = from
			if ranged {
				if to, err = fieldNumber(last, lo, hi); err != nil {
					return f, err
				}
			}
		}
		switch {
		case stepped && span != "*" && !ranged:
			return f, fmt.Errorf("%q has a step and no range", part)
		case from > to:
			return f, fmt.Errorf("%q goes backwards", part)
		case stepped:
			if step, err = fieldNumber(stepText, 1, hi); err != nil {
				return f, fmt.Errorf("step %w", err)
			}
		}
		for v := from; v <= to; v += step {
			f.values = append(f.values, v)
		}
	}
	f.values = normal(f.values)
	return f, nil
}

func fieldNumber(text string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	if n < lo || n > hi {
		return 0, fmt.Errorf("%d is out of range, want %d to %d", n, lo, hi)
	}
	return n, nil
}

// either reports whether it is enough that one of the two days fits, which is
// so where both are restricted.
func (s Schedule) either() bool { return !s.fields[2].star && !s.fields[4].star }

func (s Schedule) never() bool {
	if s.either() {
		return false
	}
	first := s.fields[2].values[0]
	return !slices.ContainsFunc(s.fields[3].values, func(month int) bool { return first <= monthDays[month] })
}

// Calendar returns the same as calendar events of systemd.time(7), any of
// which is meant: "*-*-* 03:00:00". There are two where a day of the month and
// a day of the week are both given.
func (s Schedule) Calendar() []string {
	days, week := s.fields[2], s.fields[4]
	if !s.either() {
		return []string{s.calendar(days, week)}
	}
	return []string{
		s.calendar(days, scheduleField{values: []int{0, 1, 2, 3, 4, 5, 6}}),
		s.calendar(scheduleField{values: span(1, 31)}, week),
	}
}

func (s Schedule) calendar(days, week scheduleField) string {
	text := fmt.Sprintf("*-%s-%s %s:%s:00", s.fields[3].list(1, 12), days.list(1, 31), s.fields[1].list(0, 23), s.fields[0].list(0, 59))
	if len(week.values) == 7 {
		return text
	}
	names := make([]string, len(week.values))
	for i, d := range week.values {
		names[i] = [7]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}[d]
	}
	return strings.Join(names, ",") + " " + text
}

// list writes the values with commas, all of lo to hi as a star.
func (f scheduleField) list(lo, hi int) string {
	if len(f.values) == hi-lo+1 {
		return "*"
	}
	words := make([]string, len(f.values))
	for i, v := range f.values {
		words[i] = fmt.Sprintf("%02d", v)
	}
	return strings.Join(words, ",")
}

func span(lo, hi int) []int {
	values := make([]int, 0, hi-lo+1)
	for v := lo; v <= hi; v++ {
		values = append(values, v)
	}
	return values
}
