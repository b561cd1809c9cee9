package environments

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		text     string
		calendar []string
	}{
		{"0 3 * * *", []string{"*-*-* 03:00:00"}},
		{" 30  2\t* * 0 ", []string{"Sun *-*-* 02:30:00"}},
		{"*/15 * * * *", []string{"*-*-* *:00,15,30,45:00"}},
		{"0 0-6/3,23 1 1-3 *", []string{"*-01,02,03-01 00,03,06,23:00:00"}},
		{"5 4 * * 1-5", []string{"Mon,Tue,Wed,Thu,Fri *-*-* 04:05:00"}},
		{"5 4 * * 7", []string{"Sun *-*-* 04:05:00"}},
		{"5 4 * * 0-7", []string{"*-*-* 04:05:00"}},
		{"5 4 */2 * 1", []string{"Mon *-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 04:05:00"}},
		{"5 4 13 * 5", []string{"*-*-13 04:05:00", "Fri *-*-* 04:05:00"}},
		{"0 0 30 2 1", []string{"*-02-30 00:00:00", "Mon *-02-* 00:00:00"}},
		{"0 0 29 2 *", []string{"*-02-29 00:00:00"}},
	} {
		s, err := ParseSchedule(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := s.Calendar(); !slices.Equal(got, c.calendar) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.calendar)
		}
		// What systemd says about it, where there is one.
		if tool, err := exec.LookPath("systemd-analyze"); err == nil && !strings.Contains(c.text, "30 2") {
			for _, event := range s.Calendar() {
				if out, err := exec.Command(tool, "calendar", event).CombinedOutput(); err != nil {
					t.Errorf("systemd refuses %q: %s", event, out)
				}
			}
		}
	}
}

func TestScheduleErrors(t *testing.T) {
	for text, want := range map[string]string{
		"99 99 * * *":                  "minute 99 is out of range, want 0 to 59",
		"0 24 * * *":                   "hour 24 is out of range, want 0 to 23",
		"0 3 0 * *":                    "day of the month 0 is out of range, want 1 to 31",
		"0 3 * 13 *":                   "month 13 is out of range, want 1 to 12",
		"0 3 * * 8":                    "day of the week 8 is out of range, want 0 to 7",
		"@daily":                       "has 1 fields, want 5: minute, hour, day of the month, month, day of the week",
		"":                             "has 0 fields, want 5: minute, hour, day of the month, month, day of the week",
		"0 3 * * mon":                  `day of the week "mon" is not a number`,
		"0 3 * * *,":                   `day of the week "" is not a number`,
		"+5 3 * * *":                   `minute "+5" is not a number`,
		"5/10 3 * * *":                 `minute "5/10" has a step and no range`,
		"*/0 3 * * *":                  "minute step 0 is out of range, want 1 to 59",
		"*/ 3 * * *":                   `minute step "" is not a number`,
		"50-10 3 * * *":                `minute "50-10" goes backwards`,
		"0 3 31 2,4 *":                 "never comes: none of its months has a day 31",
		"0 3 30 2 *":                   "never comes: none of its months has a day 30",
		"0 99999999999999999999 * * *": `hour "99999999999999999999" is not a number`,
	} {
		if _, err := ParseSchedule(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
