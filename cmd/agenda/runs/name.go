package runs

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/cnat-operator/internal/agenda"
)

// longestName is how much of an object's name its runs' names have at most, so that they stay DNS subdomains.
const longestName = 200

// nameOf is a run's name, which is unique in its namespace and stays the same: kind, name and the Unix time.
func nameOf(run *agenda.Run) string {
	name := run.Name
	if len(name) > longestName {
		name = fmt.Sprintf("%s-%.8x", strings.TrimRight(name[:longestName], ".-"), sha256.Sum256([]byte(name)))
	}
	return fmt.Sprintf("%s-%s-%d", strings.ToLower(run.Kind), name, run.When.Unix())
}

// timeOf is the time in a run's name.
func timeOf(name string) (time.Time, bool) {
	seconds, err := strconv.ParseInt(name[strings.LastIndex(name, "-")+1:], 10, 64)
	return time.Unix(seconds, 0), err == nil
}
