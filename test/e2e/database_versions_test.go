package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

// olderMajors are the major versions of PostgreSQL that are tried beside that of the default image, in what depends on
// the version.
var olderMajors = []string{"15", "17"}

// majorLabel marks the specs that run on other versions than the default image's.
const majorLabel = "postgres:"

var imageTag = regexp.MustCompile(`:[0-9]+$`)

// imageOf is the default image, but of another major version.
func imageOf(major string) string { return imageTag.ReplaceAllString(postgresImage, ":"+major) }

// defaultMajor is the major version that the default image's tag names.
func defaultMajor() string { return strings.TrimPrefix(imageTag.FindString(postgresImage), ":") }

var _ = Describe("A Database of PostgreSQL", func() {
	for _, major := range olderMajors {
		It(major+" starts, takes settings, and is never started with another major version", Label(majorLabel+major), func(ctx SpecContext) {
			namespace := newNamespace(ctx)
			spec := fmt.Sprintf("user: app, image: %q, parameters: {work_mem: 7MB}", imageOf(major))
			Expect(create(ctx, namespace, databaseManifest("old", spec))).To(Succeed())
			db := awaitDatabase(ctx, namespace, "old", databasev1.ConditionReady, "")
			Expect(db.Status.ServerVersion).To(HavePrefix(major + "."))
			Expect(psql(ctx, db, "SHOW work_mem")).To(Equal("7MB"))
			Expect(query(ctx, db, "ask", whoAndWhat)).To(Equal("app|old|UTF8"))

			By("refusing a setting")
			patchSpec(ctx, db, `{"parameters":{"work_mem":"much"}}`)
			awaitDatabase(ctx, namespace, "old", databasev1.ConditionStalled, databasev1.ReasonParametersRefused)
			patchSpec(ctx, db, `{"parameters":{"work_mem":"9MB","shared_preload_libraries":"pg_stat_statements"}}`)
			Eventually(ctx, func(g Gomega) {
				g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
				g.Expect(db.Status.ObservedGeneration).To(Equal(db.Generation))
				g.Expect(meta.IsStatusConditionFalse(db.Status.Conditions, databasev1.ConditionStalled)).To(BeTrue())
				g.Expect(meta.IsStatusConditionTrue(db.Status.Conditions, databasev1.ConditionReady)).To(BeTrue())
			}).Should(Succeed())
			Expect(psql(ctx, db, "SHOW work_mem")).To(Equal("9MB"))
			psql(ctx, db, "CREATE EXTENSION pg_stat_statements")

			By("asking for another major version")
			patchSpec(ctx, db, fmt.Sprintf(`{"image":%q}`, postgresImage))
			stalled := awaitDatabase(ctx, namespace, "old", databasev1.ConditionStalled, databasev1.ReasonMajorVersion)
			Expect(meta.IsStatusConditionTrue(stalled.Status.Conditions, databasev1.ConditionReady)).To(BeTrue())
			Expect(psql(ctx, db, "SHOW server_version_num")).To(HavePrefix(major))
		})
	}

	It("15 is backed up, and restored by 17 and "+defaultMajor(), Label(majorLabel+"15", majorLabel+"17", majorLabel+defaultMajor()), func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		source := fmt.Sprintf("user: shop, image: %q, backup: {}", imageOf("15"))
		Expect(create(ctx, namespace, databaseManifest("source", source))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "source", databasev1.ConditionReady, "")
		query(ctx, db, "fill", `CREATE TABLE notes (id serial PRIMARY KEY, text text);
			INSERT INTO notes (text) SELECT 'é漢 ' || n FROM generate_series(1, 5000) n;
			CREATE VIEW newest AS SELECT max(id) FROM notes`)
		requestBackup(ctx, db, "now")
		// Versions write the text of a view differently: what it answers counts.
		const sums = "SELECT md5(string_agg(n::text, ',' ORDER BY id)), count(*), (SELECT * FROM newest) FROM notes n"
		want := query(ctx, db, "sum", sums)
		for _, major := range []string{"17", defaultMajor()} {
			name := "copy" + major
			copied := fmt.Sprintf("user: shop, image: %q, restoreFrom: {database: source}", imageOf(major))
			Expect(create(ctx, namespace, databaseManifest(name, copied))).To(Succeed())
			restored := awaitDatabase(ctx, namespace, name, databasev1.ConditionReady, "")
			Expect(restored.Status.ServerVersion).To(HavePrefix(major + "."))
			Expect(query(ctx, restored, "sum-"+name, sums)).To(Equal(want))
		}
	})
})

// A line for each major version, with the specs that ran on it.
var _ = ReportAfterSuite("versions of PostgreSQL", func(report Report) {
	ran := map[string][]string{}
	for _, spec := range report.SpecReports {
		if spec.LeafNodeType.String() != "It" || spec.State.String() == "skipped" || spec.State.String() == "pending" {
			continue
		}
		majors := versionsOf(spec.Labels(), spec.FullText())
		for _, major := range majors {
			ran[major] = append(ran[major], spec.FullText())
		}
	}
	for _, major := range slices.Concat(olderMajors, []string{defaultMajor()}) {
		fmt.Printf("postgres:%s ran %d specs (image %s)\n", major, len(ran[major]), imageOf(major))
		for _, text := range ran[major] {
			fmt.Printf("  %s: %s\n", major, text)
		}
	}
})

// versionsOf are the major versions that a spec ran on: those of its labels, or that of the default image for any other
// spec that is about a Database.
func versionsOf(labels []string, text string) []string {
	var majors []string
	for _, label := range labels {
		if major, found := strings.CutPrefix(label, majorLabel); found {
			majors = append(majors, major)
		}
	}
	if len(majors) == 0 && strings.Contains(text, "Database") {
		majors = []string{defaultMajor()}
	}
	return majors
}
