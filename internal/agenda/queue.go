package agenda

import (
	"cmp"
	"container/heap"
)

// source is an object's first run that was not yielded yet, and what computes those after it.
type source struct {
	run  Run
	next func() (Run, bool)
}

// queue has a source for each object that has runs. As a heap, its first one has the first run.
type queue []source

// inOrder yields all runs.
func (q *queue) inOrder(yield func(Run) bool) {
	heap.Init(q)
	for len(*q) > 0 {
		first := &(*q)[0]
		if !yield(first.run) {
			return
		}
		if run, found := first.next(); found {
			first.run = run
			heap.Fix(q, 0)
		} else {
			heap.Pop(q)
		}
	}
}

// Compare orders runs: by time, namespace, kind and name. It is 0 for one run, and for no two.
func Compare(a, b *Run) int {
	return cmp.Or(a.When.Compare(b.When), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Name, b.Name))
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return Compare(&q[i].run, &q[j].run) < 0 }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(source)) }

func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
