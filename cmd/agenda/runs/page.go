package runs

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"example.com/cnat-operator/internal/agenda"
)

// mostRuns bounds a page, and so what one request can cost: a list without a limit is continued after as many.
const mostRuns = 1000

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

// narrow moves the position and its end to one second, where that is between them. An At's time may have a fraction.
func (p *position) narrow(second time.Time) {
	if second.After(p.When) {
		p.When = second.Add(-1)
	}
	if end := second.Add(time.Second - 1); end.Before(p.Until) {
		p.Until = end
	}
}

// before says whether a run comes after the position.
func (p *position) before(run *agenda.Run) bool {
	return agenda.Compare(&agenda.Run{When: p.When, Namespace: p.Namespace, Kind: p.Kind, Name: p.Name}, run) < 0
}

// pageOf are at most limit runs after a position that are wanted, and the position of the next page; nil at the end.
func pageOf(objects agenda.Objects, from *position, limit int64, wanted *wanted) ([]agenda.Run, *position) {
	if limit <= 0 || limit > mostRuns {
		limit = mostRuns
	}
	var page []agenda.Run
	// Runs at the position's own time may follow it.
	for run := range agenda.Each(objects, from.When.Add(-1), from.Until, wanted.object) {
		if !from.before(&run) || !wanted.run(&run) {
			continue
		}
		if int64(len(page)) == limit {
			last := page[limit-1]
			return page, &position{from.Until, last.When, last.Namespace, last.Kind, last.Name}
		}
		page = append(page, run)
	}
	return page, nil
}
