package runs

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"example.com/cnat-operator/internal/agenda"
)

const (
	// mostRuns bounds a page: a list without a limit is continued after as many.
	mostRuns = 1000
	// shortestWindow and longestWindow bound how far schedules are expanded at once, since only a page is wanted.
	shortestWindow = time.Hour
	longestWindow  = 24 * time.Hour
)

// position is a place in the list, and its end, which is that of the first page. It is what a continue token holds.
type position struct {
	Until     time.Time `json:"until"`
	When      time.Time `json:"when"`
	Namespace string    `json:"namespace,omitempty"`
	Kind      string    `json:"kind,omitempty"`
	Name      string    `json:"name,omitempty"`
}

func (p *position) token() string {
	text, _ := json.Marshal(p) // times of years 1 to 9999, and text
	return base64.RawURLEncoding.EncodeToString(text)
}

// parseToken reads a continue token, which anybody may have written.
func parseToken(token string, now time.Time) (*position, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	p := &position{}
	if err == nil {
		err = json.Unmarshal(text, p)
	}
	if err != nil || p.Kind == "" || p.Until.Before(p.When) {
		return nil, errors.New("the continue token is damaged: list again without it")
	}
	if p.Until.Sub(now) > longestSpan || now.Sub(p.When) > longestSpan {
		return nil, errors.New("the continue token is of a span that is too long: list again without it")
	}
	return p, nil
}

// before says whether a run comes after the position.
func (p *position) before(run *agenda.Run) bool {
	return cmp.Or(p.When.Compare(run.When), cmp.Compare(p.Namespace, run.Namespace), cmp.Compare(p.Kind, run.Kind),
		cmp.Compare(p.Name, run.Name)) < 0
}

// pageOf are at most limit runs after a position which are wanted, and the position of the next page; nil at the end.
func pageOf(objects agenda.Objects, from *position, limit int64, wanted func(*agenda.Run) (bool, error),
) ([]agenda.Run, *position, error) {
	if limit <= 0 || limit > mostRuns {
		limit = mostRuns
	}
	var page []agenda.Run
	// Runs at the position's own time may follow it.
	window := shortestWindow
	for after := from.When.Add(-1); after.Before(from.Until); window = min(2*window, longestWindow) {
		until := after.Add(window)
		if until.After(from.Until) {
			until = from.Until
		}
		coming := agenda.Coming(objects, after, until)
		for i := range coming {
			run := &coming[i]
			if !from.before(run) {
				continue
			}
			ok, err := wanted(run)
			if err != nil {
				return nil, nil, err
			}
			if !ok {
				continue
			}
			if int64(len(page)) == limit {
				last := page[limit-1]
				return page, &position{from.Until, last.When, last.Namespace, last.Kind, last.Name}, nil
			}
			page = append(page, *run)
		}
		after = until
	}
	return slices.Clip(page), nil, nil
}
