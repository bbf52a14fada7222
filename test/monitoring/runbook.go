package monitoring

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	block       = regexp.MustCompile("(?s)```sh\n(.*?)```")
	placeholder = regexp.MustCompile(`\b(NS|NAME|NODE|QUOTA|WEBHOOK|SIZE|DATABASE|RELATION|USER)\b`)
)

// Commands are the commands of an alert's entry in the runbooks, with values in the place of NS, NAME and the like. Each
// must have one, and one that no command asks for is a mistake.
func Commands(runbooks, alert string, values map[string]string) (string, error) {
	_, entry, found := strings.Cut(runbooks, "\n### "+alert+"\n")
	if !found {
		return "", fmt.Errorf("the runbooks have no entry %s", alert)
	}
	entry, _, _ = strings.Cut(entry, "\n## ")
	entry, _, _ = strings.Cut(entry, "\n### ")
	var commands strings.Builder
	for _, found := range block.FindAllStringSubmatch(entry, -1) {
		commands.WriteString(found[1])
	}
	if commands.Len() == 0 {
		return "", fmt.Errorf("the entry %s of the runbooks has no command", alert)
	}
	var missing []string
	used := map[string]bool{}
	text := placeholder.ReplaceAllStringFunc(commands.String(), func(name string) string {
		value, given := values[name]
		if !given {
			missing = append(missing, name)
		}
		used[name] = true
		return value
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("the entry %s asks for %v", alert, missing)
	}
	for name := range values {
		if !used[name] {
			return "", fmt.Errorf("the entry %s does not ask for %s", alert, name)
		}
	}
	return text, nil
}
