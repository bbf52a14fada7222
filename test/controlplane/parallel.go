package controlplane

import (
	"errors"
	"sync"
)

// clients is how many create side by side.
const clients = 32

// InParallel calls do for 0 to n-1 from 32 goroutines.
func InParallel(n int, do func(int) error) error {
	work := make(chan int)
	errs := make([]error, clients)
	var group sync.WaitGroup
	for worker := range clients {
		group.Go(func() {
			for i := range work {
				if errs[worker] == nil {
					errs[worker] = do(i)
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	group.Wait()
	return errors.Join(errs...)
}
