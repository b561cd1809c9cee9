package diagram

import (
	"cmp"
	"slices"
)

// A grid is a layered graph: the cells of each layer from top to bottom. An
// edge over several layers passes through a cell in each of them. Cells of one
// lane stay together.
type grid struct {
	cells  []cell
	layers [][]int // cells by layer, in order
	left   [][]int // by cell: those of the layer before that it is joined to
	right  [][]int
}

// A cell is a node, or where an edge passes.
type cell struct {
	node  int // -1 = an edge passes
	layer int
	lane  int
	y     float64 // of its middle, within the lane
}

// sweeps is how often layers are ordered by their neighbours; it hardly gets
// better after that.
const sweeps = 12

// sort orders the cells of every layer so that few edges cross, and keeps the
// best order that it came by.
func (g *grid) sort() {
	for _, layer := range g.layers {
		slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(g.cells[a].lane, g.cells[b].lane) })
	}
	place := make([]float64, len(g.cells))
	g.number(place)
	best, fewest := g.snapshot(), g.crossings(place)
	for round := 0; round < sweeps && fewest > 0; round++ {
		if round%2 == 0 {
			for _, layer := range g.layers {
				g.arrange(layer, g.left, place)
			}
		} else {
			for _, layer := range slices.Backward(g.layers) {
				g.arrange(layer, g.right, place)
			}
		}
		if n := g.crossings(place); n < fewest {
			best, fewest = g.snapshot(), n
		}
	}
	g.layers = best
}

func (g *grid) snapshot() [][]int {
	layers := make([][]int, len(g.layers))
	for i, l := range g.layers {
		layers[i] = slices.Clone(l)
	}
	return layers
}

// number notes the place of every cell in its layer.
func (g *grid) number(place []float64) {
	for _, layer := range g.layers {
		for i, c := range layer {
			place[c] = float64(i)
		}
	}
}

// arrange sorts a layer by the mean place of what its cells are joined to on
// one side; a cell without such keeps its place.
func (g *grid) arrange(layer []int, joined [][]int, place []float64) {
	mean := make(map[int]float64, len(layer))
	for _, c := range layer {
		mean[c] = place[c]
		if len(joined[c]) == 0 {
			continue
		}
		sum := 0.0
		for _, other := range joined[c] {
			sum += place[other]
		}
		mean[c] = sum / float64(len(joined[c]))
	}
	slices.SortStableFunc(layer, func(a, b int) int {
		return cmp.Or(cmp.Compare(g.cells[a].lane, g.cells[b].lane), cmp.Compare(mean[a], mean[b]))
	})
	for i, c := range layer {
		place[c] = float64(i)
	}
}

// crossings counts how many pairs of edges cross between neighbouring layers.
func (g *grid) crossings(place []float64) int {
	n := 0
	for _, layer := range g.layers {
		var ends []int
		for _, c := range layer {
			var own []int
			for _, other := range g.left[c] {
				own = append(own, int(place[other]))
			}
			slices.Sort(own)
			ends = append(ends, own...)
		}
		n += inversions(ends, make([]int, len(ends)))
	}
	return n
}

// inversions sorts list and returns how many pairs stood the wrong way round.
func inversions(list, spare []int) int {
	if len(list) < 2 {
		return 0
	}
	half := len(list) / 2
	n := inversions(list[:half], spare) + inversions(list[half:], spare)
	merged := spare[:0]
	a, b := list[:half], list[half:]
	for len(a) > 0 && len(b) > 0 {
		if a[0] <= b[0] {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
			n += len(a)
		}
	}
	merged = append(append(merged, a...), b...)
	copy(list, merged)
	return n
}
