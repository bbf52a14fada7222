//go:build !linux

package main

import (
	"fmt"
	"os"

	"example.com/cnat-operator/hack/cluster/internal/machine"
)

// Elsewhere than on Linux the program does no more than say so, in place of a
// compile error in the middle of its packages.
func main() {
	fmt.Fprintln(os.Stderr, "cluster:", machine.CheckUser())
	os.Exit(1)
}
