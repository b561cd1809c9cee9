package diagram

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/torrust/tracker-deployer/tasks"
)

// The sizes of a timeline, in pixels.
const (
	barRow   = 22.0
	barHigh  = 14.0
	axisHigh = 26.0
	timeWide = 820.0
	tookWide = 64.0
)

// timeline draws the last run: a bar for each node that was worked on, from
// its beginning to its end.
func (d *Diagram) timeline() string {
	r := d.Run
	labels := 0
	for _, n := range r.Nodes {
		labels = max(labels, utf8.RuneCountInString(n.Node))
	}
	left := float64(labels)*nameCharacter + 2*margin
	height := axisHigh + float64(len(r.Nodes))*barRow + margin
	total := max(r.End.Sub(r.Start), time.Millisecond)
	at := func(t time.Time) float64 { return left + timeWide*float64(t.Sub(r.Start))/float64(total) }
	critical := d.Critical()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg id="timeline" xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="the last run">`+"\n",
		left+timeWide+tookWide+margin, height, left+timeWide+tookWide+margin, height)
	step := tick(total)
	for t := time.Duration(0); t <= total; t += step {
		x := at(r.Start.Add(t))
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %.0fV%.1f"/><text class="tick" x="%.1f" y="16">%s</text>`+"\n", x, axisHigh-4, height-margin+4, x, span(t))
	}
	for i, n := range r.Nodes {
		y := axisHigh + float64(i)*barRow
		node, _ := d.Node(n.Node)
		class := "work stage-" + string(node.Stage)
		if slices.Contains(critical, n.Node) {
			class += " critical"
		}
		if !n.OK {
			class += " failed"
		}
		x := at(n.Start)
		wide := max(at(n.End())-x, 2)
		fmt.Fprintf(&b, `<g class="%s" data-n="%d" tabindex="0"><title>%s</title>`, class, d.index[n.Node], html.EscapeString(ranTip(n, r.Start)))
		fmt.Fprintf(&b, `<rect class="row" x="0" y="%.1f" width="%.1f" height="%.1f"/><text class="label" x="%.1f" y="%.1f">%s</text>`,
			y, left+timeWide+tookWide+margin, barRow, left-10, y+15, html.EscapeString(n.Node))
		fmt.Fprintf(&b, `<rect class="span" x="%.1f" y="%.1f" width="%.1f" height="%.0f" rx="3"/><text class="took" x="%.1f" y="%.1f">%s</text></g>`+"\n",
			x, y+(barRow-barHigh)/2, wide, barHigh, x+wide+6, y+15, span(n.Took))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func ranTip(n tasks.Ran, start time.Time) string {
	end := "done"
	if !n.OK {
		end = "failed"
	}
	return fmt.Sprintf("%s\n%s in %s, from %s to %s", n.Node, end, span(n.Took), span(n.Start.Sub(start)), span(n.End().Sub(start)))
}

// tick returns a round step that divides total into four to ten parts.
func tick(total time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour} {
		for _, n := range []time.Duration{1, 2, 5, 10, 20, 50, 100, 200, 500} {
			if step := n * unit; total/step < 10 {
				return step
			}
		}
	}
	return total
}

// span prints a duration: 35ms, 4.2s, 3m05s.
func span(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Second:
		return fmt.Sprintf("%.0fms", math.Ceil(float64(d)/float64(time.Millisecond)))
	case d < time.Minute:
		return strings.Replace(fmt.Sprintf("%.1fs", d.Seconds()), ".0s", "s", 1)
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}
