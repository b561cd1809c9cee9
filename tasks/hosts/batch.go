package hosts

// Batches splits operations, in order, into those that go down in one round
// trip: runs of short operations, and each long one alone.
func Batches(operations []Operation) [][]Operation {
	var batches [][]Operation
	short := false
	for _, o := range operations {
		if short && !o.Long() {
			last := len(batches) - 1
			batches[last] = append(batches[last], o)
			continue
		}
		batches = append(batches, []Operation{o})
		short = !o.Long()
	}
	return batches
}

// Distinct returns the queries whose keys differ, the first of each key.
func Distinct(queries []Query) []Query {
	seen := make(map[string]bool, len(queries))
	var out []Query
	for _, q := range queries {
		if !seen[q.Key()] {
			seen[q.Key()] = true
			out = append(out, q)
		}
	}
	return out
}
