package diagram

// passes is the number of cells for passing edges above which edges go straight.
const passes = 50_000

// The sizes of a picture, in pixels.
const (
	boxHeight = 40.0
	rowGap    = 14.0 // between boxes
	passGap   = 12.0 // around an edge that passes
	layerGap  = 46.0
	laneHead  = 30.0
	laneGap   = 18.0
	margin    = 18.0
)

// A picture is a diagram with a place for everything.
type picture struct {
	*grid
	arrows []arrow
	lanes  []lane
	box    []int     // by node: its cell
	x      []float64 // by layer: left edge of its boxes
	wide   []float64 // by layer: width of its boxes
	route  [][]int   // by arrow: the cells where it passes, from the right; none for implied ones
	width  float64
	height float64
}

// A lane is the band of one host.
type lane struct {
	host   string
	y      float64
	height float64
}

// lay finds a place for everything.
func (d *Diagram) lay() *picture {
	p := &picture{grid: &grid{}, arrows: d.arrows()}
	names, of := d.lanes()
	layer := d.layers(p.arrows)
	for i := range d.Nodes {
		p.box = append(p.box, p.cell(i, layer[i], of[i]))
	}
	p.connect(layer, of)
	p.sort()
	p.columns(d)
	p.rows(names)
	return p
}

func (p *picture) cell(node, layer, lane int) int {
	c := len(p.cells)
	p.cells = append(p.cells, cell{node: node, layer: layer, lane: lane})
	for len(p.layers) <= layer {
		p.layers = append(p.layers, nil)
	}
	p.layers[layer] = append(p.layers[layer], c)
	p.left, p.right = append(p.left, nil), append(p.right, nil)
	return c
}

func (p *picture) join(left, right int) {
	p.left[right] = append(p.left[right], left)
	p.right[left] = append(p.right[left], right)
}

// connect joins the boxes of edges that are not implied, through a cell in
// every layer between.
func (p *picture) connect(layer, lane []int) {
	span := 0
	for _, a := range p.arrows {
		if !a.implied {
			span += layer[a.from] - layer[a.to] - 1
		}
	}
	p.route = make([][]int, len(p.arrows))
	for i, a := range p.arrows {
		if a.implied {
			continue
		}
		right := p.box[a.from]
		for l := layer[a.from] - 1; l > layer[a.to] && span <= passes; l-- {
			c := p.cell(-1, l, lane[a.from])
			p.join(c, right)
			p.route[i] = append(p.route[i], c)
			right = c
		}
		if layer[a.from]-layer[a.to] == 1 || span <= passes {
			p.join(p.box[a.to], right)
		}
	}
}

// columns gives every layer its place and width.
func (p *picture) columns(d *Diagram) {
	x := margin + 12
	for _, layer := range p.layers {
		wide := 0.0
		for _, c := range layer {
			if n := p.cells[c].node; n >= 0 {
				wide = max(wide, boxWidth(d.Nodes[n]))
			}
		}
		p.x, p.wide = append(p.x, x), append(p.wide, wide)
		x += wide + layerGap
	}
	p.width = max(x-layerGap+12+margin, 320)
}

// rows gives every cell its height within its lane, near what it is joined
// to, and every lane its own.
func (p *picture) rows(names []string) {
	p.stack()
	for round := range 10 {
		joined := p.left
		if round%2 == 1 {
			joined = p.right
		}
		for _, layer := range p.layers {
			for _, run := range p.runs(layer) {
				p.settle(run, joined)
			}
		}
	}
	top := make([]float64, len(names))
	bottom := make([]float64, len(names))
	seen := make([]bool, len(names))
	for _, c := range p.cells {
		half := extent(c)
		if !seen[c.lane] || c.y-half < top[c.lane] {
			top[c.lane] = c.y - half
		}
		if !seen[c.lane] || c.y+half > bottom[c.lane] {
			bottom[c.lane] = c.y + half
		}
		seen[c.lane] = true
	}
	y := margin
	for i, name := range names {
		height := laneHead + bottom[i] - top[i] + 2*rowGap
		p.lanes = append(p.lanes, lane{host: name, y: y, height: height})
		top[i] = y + laneHead + rowGap - top[i]
		y += height + laneGap
	}
	for i := range p.cells {
		p.cells[i].y += top[p.cells[i].lane]
	}
	p.height = y - laneGap + margin
}

// runs splits a layer by lanes.
func (p *picture) runs(layer []int) [][]int {
	var runs [][]int
	for i, c := range layer {
		if i == 0 || p.cells[c].lane != p.cells[layer[i-1]].lane {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], c)
	}
	return runs
}

// stack puts the cells of each layer below each other.
func (p *picture) stack() {
	for _, layer := range p.layers {
		for _, run := range p.runs(layer) {
			y := 0.0
			for i, c := range run {
				if i > 0 {
					y += p.apart(run[i-1], c)
				}
				p.cells[c].y = y
			}
			for _, c := range run {
				p.cells[c].y -= y / 2
			}
		}
	}
}

// extent is half the height of a cell.
func extent(c cell) float64 {
	if c.node < 0 {
		return passGap / 2
	}
	return boxHeight / 2
}

// apart is how far the middles of two neighbours have to be from each other.
func (p *picture) apart(a, b int) float64 {
	gap := rowGap
	if p.cells[a].node < 0 && p.cells[b].node < 0 {
		gap = 0
	}
	return extent(p.cells[a]) + extent(p.cells[b]) + gap
}

// settle moves a run of neighbours as near as possible, in the sense of least
// squares, to the middle of what each is joined to, in their order and far
// enough from each other: an isotonic regression by pooling.
func (p *picture) settle(run []int, joined [][]int) {
	type pool struct {
		mean  float64
		count int
	}
	var pools []pool
	offset, offsets := 0.0, make([]float64, len(run))
	for i, c := range run {
		if i > 0 {
			offset += p.apart(run[i-1], c)
		}
		offsets[i] = offset
		pools = append(pools, pool{p.wanted(c, joined) - offset, 1})
		for n := len(pools); n > 1 && pools[n-2].mean >= pools[n-1].mean; n = len(pools) {
			a, b := pools[n-2], pools[n-1]
			count := a.count + b.count
			mean := (a.mean*float64(a.count) + b.mean*float64(b.count)) / float64(count)
			pools = append(pools[:n-2], pool{mean, count})
		}
	}
	i := 0
	for _, q := range pools {
		for range q.count {
			p.cells[run[i]].y = q.mean + offsets[i]
			i++
		}
	}
}

// wanted is the mean height of what a cell is joined to within its lane; its
// own where there is nothing.
func (p *picture) wanted(c int, joined [][]int) float64 {
	sum, n := 0.0, 0
	for _, other := range joined[c] {
		if p.cells[other].lane == p.cells[c].lane {
			sum += p.cells[other].y
			n++
		}
	}
	if n == 0 {
		return p.cells[c].y
	}
	return sum / float64(n)
}
