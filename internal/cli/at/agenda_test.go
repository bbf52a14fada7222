package at

import (
	"strings"
	"testing"
	"time"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

func TestAgenda(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	kubectlAt(t, namespace, "", "agenda").expect(t, 0, "!Nothing runs in the next 24h.")
	store(t, newAt(namespace, "single", time.Hour))
	past := newAt(namespace, "past", 0)
	store(t, past)
	over(t, past, cnatv1.AtFailed)
	newTab(t, namespace, "tab")
	store(t, newCronJob(namespace))
	kubectlAt(t, namespace, "", "agenda").expect(t, 0, "WHEN", "KIND   NAME   ZONE",
		"Sat 2027-03-27 13:34:56 CET   in 60m   At   single", "Sun 2027-03-28 04:30:00 CEST   in 14h   CronJob   nightly   Etc/UTC",
		"Sun 2027-03-28 08:30:00 CEST   in 18h   CronTab   tab   America/New_York")
	kubectlAt(t, "default", "", "agenda", "-A", "--for=2h").expect(t, 0, "NAMESPACE", namespace)
	kubectlAt(t, namespace, "", "agenda", "--for=-1h").expect(t, 1, "!--for=-1h0m0s must be more than 0")
	kubectlAt(t, namespace, "", "agenda", "-o", "xml").expect(t, 1, "!--output=xml is not html")
	kubectlAt(t, namespace, "", "agenda", "--as=nobody").expect(t, 1, `!left out: a right is missing: ats`, `!cannot list resource "cronjobs"`)

	page := kubectlAt(t, namespace, "", "agenda", "-o", "html")
	page.expect(t, 0, "<h2>"+namespace+"</h2>", `single <small>At</small>`, `<b class="coming" style="left:52.08%;width:0.00%" title="Sat 13:34:56 CET">`,
		`<b class="Failed" style="left:50.00%;width:0.00%" title="Sat 12:34:56 CET, Failed after 0s">`,
		`title="Sun 08:30:00 CEST, scheduled in America/New_York"`)
	for _, network := range []string{"http:", "https:", "src=", "<link", "<script", "@import", "url("} {
		if strings.Contains(page.out, network) {
			t.Errorf("the page needs %q", network)
		}
	}
}
