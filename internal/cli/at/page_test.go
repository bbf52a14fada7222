package at

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/agenda"
	"example.com/cnat-operator/test/browser"
)

var picture = flag.String("picture", "", "write a picture of a page to this file")

func TestPageOfNothing(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	if err := writePage(&page, present, present.Add(time.Hour), nil, nil); err != nil || !strings.Contains(page.String(), "Nothing ran") {
		t.Error(err, page.String())
	}
}

// anAgenda is a day of two namespaces.
func anAgenda() agenda.Objects {
	tab := func(namespace, name, expression, zone string) crontabv1.CronTab {
		tab := crontabv1.CronTab{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name)}}
		tab.Spec.CronSpec, tab.Spec.TimeZone = expression, zone
		return tab
	}
	ran := func(namespace, of string, phase cnatv1.AtPhase, ago, took time.Duration) cnatv1.At {
		at := newAt(namespace, of+"-"+ago.String(), -ago)
		at.OwnerReferences = []metav1.OwnerReference{{Kind: "CronTab", Name: of, UID: types.UID(of), Controller: ptr.To(true)}}
		at.Status = cnatv1.AtStatus{Phase: phase, JobUID: "job", StartTime: &metav1.Time{Time: present.Add(-ago)}}
		if phase != cnatv1.AtRunning {
			at.Status.CompletionTime = &metav1.Time{Time: present.Add(took - ago)}
		}
		return *at
	}
	backup := batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders-database-backup"}}
	backup.Spec.Schedule, backup.Spec.TimeZone = "15 1 * * *", ptr.To("UTC")
	objects := agenda.Objects{
		CronTabs: []crontabv1.CronTab{
			tab("shop", "nightly-report", "30 2 * * *", "Europe/Berlin"), tab("shop", "sync", "0 */3 * * *", "UTC"),
			tab("data", "import", "0 6,18 * * *", "America/New_York"),
		},
		CronJobs: []batchv1.CronJob{backup},
		Ats: []cnatv1.At{
			*newAt("data", "migrate-once", 7*time.Hour),
			ran("shop", "nightly-report", cnatv1.AtFailed, 10*time.Hour, 25*time.Minute),
			ran("data", "import", cnatv1.AtRunning, 40*time.Minute, 0),
			ran("data", "import", cnatv1.AtSucceeded, 12*time.Hour, 90*time.Minute),
		},
	}
	for ago := time.Duration(2); ago < 24; ago += 3 {
		objects.Ats = append(objects.Ats, ran("shop", "sync", cnatv1.AtSucceeded, ago*time.Hour, 12*time.Minute))
	}
	return objects
}

// look has the browser say what it made of the page: what is shown of each run, what sticks out, and how well each colour
// stands out from what is behind it.
const look = `<script>` + browser.Contrast + `
const behind = getComputedStyle(document.body).backgroundColor;
const marks = [...document.querySelectorAll('.lane b')];
const seen = marks.filter(m => m.getBoundingClientRect().width >= 4 && m.getBoundingClientRect().height >= 8);
document.body.innerHTML = JSON.stringify({
	marks: marks.length, seen: seen.length, sideways: document.documentElement.scrollWidth > innerWidth,
	dark: light(behind) < .2,
	text: Math.min(...[...document.querySelectorAll('h1,h2,p,small,span,.name')].map(e => contrast(getComputedStyle(e).color, behind))),
	runs: Math.min(...marks.map(m => contrast(getComputedStyle(m).backgroundColor, behind))),
	requests: performance.getEntriesByType('resource').length,
});
</script>`

// The page can be read in the light and in the dark, on a wide and on a narrow screen, and asks the network for nothing.
func TestPageInChromium(t *testing.T) {
	objects := anAgenda()
	var page bytes.Buffer
	until := present.Add(24 * time.Hour)
	if err := writePage(&page, present, until, agenda.Coming(objects, present, until), objects.Ats); err != nil {
		t.Fatal(err)
	}
	browse := func(html string, dark bool, args ...string) string {
		file := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
			t.Fatal(err)
		}
		command := browser.Command(t, dark, append(args, "file://"+file)...)
		var problems bytes.Buffer
		command.Stderr = &problems
		output, err := command.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, problems.String())
		}
		return string(output)
	}
	for _, dark := range []bool{false, true} {
		for _, width := range []int{1280, 700} {
			dom := browse(page.String()+look, dark, "--dump-dom", fmt.Sprintf("--window-size=%d,900", width))
			_, body, _ := strings.Cut(dom, "<body>")
			body, _, _ = strings.Cut(body, "</body>")
			var seen struct {
				Marks, Seen, Requests int
				Sideways, Dark        bool
				Text, Runs            float64
			}
			if err := json.Unmarshal([]byte(strings.TrimSpace(body)), &seen); err != nil {
				t.Fatalf("%v: %s", err, dom)
			}
			if seen.Marks < 20 || seen.Seen != seen.Marks || seen.Requests > 0 || seen.Sideways || seen.Dark != dark || seen.Text < 4.5 || seen.Runs < 3 {
				t.Errorf("%d wide, dark %t: %+v", width, dark, seen)
			}
		}
	}
	if *picture != "" {
		browse(page.String(), true, "--screenshot="+*picture, "--window-size=1280,460")
	}
}
