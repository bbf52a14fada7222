package runs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"example.com/cnat-operator/internal/agenda"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestNames(t *testing.T) {
	for _, name := range []string{"a", "a.b-1", strings.Repeat("x", 199) + "." + strings.Repeat("y", 53)} {
		run := &agenda.Run{Kind: "CronTab", Name: name, When: now}
		got := nameOf(run)
		if problems := validation.IsDNS1123Subdomain(got); problems != nil {
			t.Errorf("%s: %v", got, problems)
		}
		if when, ok := timeOf(got); !ok || !when.Equal(now) {
			t.Errorf("%s: its time is read as %s", got, when)
		}
	}
	if _, ok := timeOf("crontab"); ok {
		t.Error("a name without a time has one")
	}
	long := strings.Repeat("x", 250)
	if nameOf(&agenda.Run{Kind: "At", Name: long + "1"}) == nameOf(&agenda.Run{Kind: "At", Name: long + "2"}) {
		t.Error("two objects' runs have one name")
	}
}

func TestEndOf(t *testing.T) {
	for selector, want := range map[string]time.Time{
		"":                           now.Add(24 * time.Hour),
		"spec.kind=At":               now.Add(24 * time.Hour),
		"until=72h":                  now.Add(72 * time.Hour),
		"until=2026-03-02T00:00:00Z": time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		// Those are refused.
		"until=tomorrow": {}, "until!=1h": {}, "until=-1h": {}, "until=8785h": {}, "spec.node=a": {},
	} {
		got, err := endOf(fields.ParseSelectorOrDie(selector), now)
		if refused := err != nil; refused != want.IsZero() || !refused && !got.Equal(want) {
			t.Errorf("%q: got %s, %v; want %s", selector, got, err, want)
		}
	}
	_, _, err := CheckField("spec.node", "a")
	for _, field := range known {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}

func TestParseToken(t *testing.T) {
	at := position{Until: now.Add(time.Hour), When: now, Namespace: "a", Kind: "At", Name: "b"}
	if got, err := parseToken(at.token(), now); err != nil || *got != at {
		t.Errorf("got %v, %v", got, err)
	}
	far := at
	far.Until = now.Add(longestSpan + time.Hour)
	old := at
	old.When = now.Add(-longestSpan - time.Hour)
	for _, token := range []string{"x", "!", (&position{}).token(), far.token(), old.token()} {
		if _, err := parseToken(token, now); err == nil {
			t.Errorf("%s is accepted", token)
		}
	}
}

func cronJob(name, schedule string) batchv1.CronJob {
	return batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: batchv1.CronJobSpec{Schedule: schedule},
	}
}

func everything(selector string) *wanted {
	return &wanted{
		selector: fields.ParseSelectorOrDie(selector), sees: func(_, _ string) (bool, error) { return true, nil },
	}
}

// Pages of any size are, one after another, the whole list, though runs have equal times.
func TestPages(t *testing.T) {
	objects := agenda.Objects{CronJobs: []batchv1.CronJob{cronJob("a", "*/10 * * * *"), cronJob("b", "*/20 * * * *")}}
	until := now.Add(30 * time.Hour)
	all := agenda.Coming(objects, now, until)
	for _, limit := range []int64{1, 2, 7, 0} {
		from := &position{Until: until, When: now.Add(1)}
		var got []agenda.Run
		for from != nil {
			page, next := pageOf(objects, from, limit, everything(""))
			got, from = append(got, page...), next
		}
		if !slices.Equal(got, all) {
			t.Errorf("limit %d: %d runs, want %d", limit, len(got), len(all))
		}
	}
}

func TestWanted(t *testing.T) {
	objects := agenda.Objects{CronJobs: []batchv1.CronJob{cronJob("a", "0 * * * *"), cronJob("b", "0 * * * *")}}
	from := position{Until: now.Add(3 * time.Hour), When: now.Add(1)}
	for selector, want := range map[string]int{
		"": 6, "spec.kind=CronJob": 6, "spec.kind=At": 0, "spec.kind!=At": 6, "spec.name=a": 3, "spec.name!=a": 3,
		"metadata.namespace=ns": 6, "metadata.namespace=other": 0, "until=99h": 6, "spec.name=a,spec.kind!=CronJob": 0,
		"metadata.name=cronjob-a-1772370000": 1, "metadata.name!=cronjob-a-1772370000": 5,
	} {
		if got, _ := pageOf(objects, &from, 0, everything(selector)); len(got) != want {
			t.Errorf("%q: %d runs, want %d", selector, len(got), want)
		}
	}
	asked := 0
	unknown := &wanted{selector: fields.Everything(), sees: func(_, _ string) (bool, error) { asked++; return false, errors.New("away") }}
	if got, _ := pageOf(objects, &from, 0, unknown); len(got) != 0 || unknown.err == nil || asked != 1 {
		t.Errorf("%d runs, %v, asked %d times", len(got), unknown.err, asked)
	}
}

func TestNarrow(t *testing.T) {
	for name, test := range map[string]struct {
		second, when, until time.Time
	}{
		"within":  {now.Add(time.Hour), now.Add(time.Hour - 1), now.Add(time.Hour + time.Second - 1)},
		"past":    {now.Add(-time.Hour), now, now.Add(-time.Hour + time.Second - 1)},
		"too far": {now.Add(9 * time.Hour), now.Add(9*time.Hour - 1), now.Add(3 * time.Hour)},
	} {
		got := position{Until: now.Add(3 * time.Hour), When: now}
		got.narrow(test.second)
		if !got.When.Equal(test.when) || !got.Until.Equal(test.until) {
			t.Errorf("%s: from %s until %s", name, got.When, got.Until)
		}
	}
}

type rights struct {
	may   map[string]bool // resource/namespace
	asked int
	err   error
}

func (r *rights) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	r.asked++
	if a.GetVerb() == "list" && r.may[a.GetResource()+"/"+a.GetNamespace()] {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", r.err
}

func TestVisibility(t *testing.T) {
	r := &rights{may: map[string]bool{"ats/": true, "crontabs/a": true}}
	v := &visibility{r.Authorize, &user.DefaultInfo{Name: "jane"}, map[[2]string]bool{}}
	for _, test := range []struct {
		kind, namespace string
		want            bool
	}{
		{"At", "a", true},
		{"At", "b", true},
		{"CronTab", "a", true},
		{"CronTab", "b", false},
		{"CronJob", "a", false},
		{"CronTab", "a", true},
	} {
		if got, err := v.sees(context.Background(), test.kind, test.namespace); err != nil || got != test.want {
			t.Errorf("%v: got %t, %v", test, got, err)
		}
	}
	if r.asked != 6 {
		t.Errorf("asked %d times", r.asked)
	}
	r.err = errors.New("away")
	if _, err := v.sees(context.Background(), "CronJob", "c"); err == nil {
		t.Error("an answer that did not come is taken for one")
	}
}
