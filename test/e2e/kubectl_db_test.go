package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

// The plugin, as `make plugins` builds it.
const kubectlDB = "../../bin/kubectl-db"

// ran is what the plugin printed, and its exit code.
type ran struct {
	stdout, stderr string
	code           int
}

// runDB runs the plugin in a namespace. What is behind -- stays at the end.
func runDB(ctx context.Context, namespace, stdin string, args ...string) ran {
	GinkgoHelper()
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, kubectlDB, append([]string{"--namespace=" + namespace}, args...)...)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		Expect(err).NotTo(HaveOccurred(), "make plugins builds it")
	}
	return ran{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

// succeedDB runs the plugin, which must succeed, and gives what it printed.
func succeedDB(ctx context.Context, namespace string, args ...string) string {
	GinkgoHelper()
	result := runDB(ctx, namespace, "", args...)
	Expect(result.code).To(BeZero(), "%v: %s%s", args, result.stdout, result.stderr)
	return result.stdout
}

var _ = Describe("kubectl db", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	It("runs psql as the Database's user, with any password", func(ctx SpecContext) {
		password := "it's \"q\\uoted\" $HOME `id` %41@:/?#'; DROP ROLE shop; -- ü\n\tend\n"
		Expect(k8s.Create(ctx, &databasev1.Database{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"},
			Spec:       databasev1.DatabaseSpec{User: "shop", DatabaseName: "orders", Password: password},
		})).To(Succeed())
		awaitDatabase(ctx, namespace, "shop", databasev1.ConditionReady, "")

		By("by arguments")
		Expect(succeedDB(ctx, namespace, "psql", "shop", "--", "-A", "-t", "-c", whoAndWhat)).To(Equal("shop|orders|UTF8\n"))
		By("by -c, whose failure is psql's")
		result := runDB(ctx, namespace, "", "psql", "shop", "-c", "SELECT nothing")
		Expect(result.code).To(Equal(1))
		Expect(result.stderr).To(ContainSubstring(`column "nothing" does not exist`))
		By("by standard input")
		result = runDB(ctx, namespace, "CREATE TABLE kept AS SELECT 42 AS answer;\nSELECT answer FROM kept;\n", "psql", "shop", "--", "-q", "-A", "-t")
		Expect(result).To(Equal(ran{stdout: "42\n"}))
		By("with a terminal, in which an interactive session ends by its own command")
		output, err := exec.CommandContext(ctx, "script", "-qec",
			kubectlDB+" --namespace="+namespace+" psql shop -- -A -t -c 'SELECT current_user' -c '\\q'", "/dev/null").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))
		Expect(string(output)).To(ContainSubstring("shop"))

		By("showing how it is, with what only the pod knows")
		status := succeedDB(ctx, namespace, "status", "shop")
		Expect(status).To(MatchRegexp(`(?m)^Ready +True for .*: Ready: `))
		Expect(status).To(MatchRegexp(`(?m)^Storage +.*% of its file system used .* the database has [0-9.]+Mi$`))
		Expect(status).To(MatchRegexp(`(?m)^Connections +\d+ of 100$`))

		By("printing the server's log")
		Expect(succeedDB(ctx, namespace, "logs", "shop")).To(ContainSubstring("database system is ready to accept connections"))
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		Expect(runDB(short, namespace, "", "logs", "shop", "-f", "--tail=100").stdout).To(ContainSubstring(`column "nothing" does not exist`))

		By("writing a report without the password")
		file := filepath.Join(GinkgoT().TempDir(), "x.zip")
		succeedDB(ctx, namespace, "report", "shop", "--file="+file)
		archive, err := zip.OpenReader(file)
		Expect(err).NotTo(HaveOccurred())
		defer func() { Expect(archive.Close()).To(Succeed()) }()
		var names []string
		for _, file := range archive.File {
			names = append(names, file.Name)
			reader, err := file.Open()
			Expect(err).NotTo(HaveOccurred())
			text, err := io.ReadAll(reader)
			Expect(err).NotTo(HaveOccurred())
			for _, form := range []string{password, base64.StdEncoding.EncodeToString([]byte(password)), "DROP ROLE shop"} {
				Expect(string(text)).NotTo(ContainSubstring(form), file.Name)
			}
		}
		Expect(names).To(ContainElements("database.yaml", "events.yaml", "pods.yaml", "statefulsets.yaml", "logs/shop-database-0/postgres.log"))
		Expect(names).NotTo(ContainElement("problems.txt"))
	})

	It("makes backups, lists them, and restores one into a new Database", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("shop", "user: shop, backup: {}"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "shop", databasev1.ConditionReady, "")
		succeedDB(ctx, namespace, "psql", "shop", "-c", "CREATE TABLE kept AS SELECT 42 AS answer")
		Expect(succeedDB(ctx, namespace, "backup", "shop", "-f", "--timeout=3m")).To(ContainSubstring("backed up: shop-"))
		dump := strings.TrimSpace(succeedDB(ctx, namespace, "backups", "shop", "-o", "name"))
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
		Expect(dump).To(Equal(db.Status.Backup.LastSuccessName))

		succeedDB(ctx, namespace, "restore", "shop", "--from="+dump, "--as=copy")
		awaitDatabase(ctx, namespace, "copy", databasev1.ConditionReady, "")
		Expect(succeedDB(ctx, namespace, "psql", "copy", "--", "-A", "-t", "-c", "SELECT answer FROM kept")).To(Equal("42\n"))
		Expect(runDB(ctx, namespace, "", "restore", "shop", "--from=latest", "--as=copy").code).To(Equal(1))

		By("saying why one fails")
		psql(ctx, db, "CREATE TABLE hidden (a int)")
		result := runDB(ctx, namespace, "", "backup", "shop", "-f", "--timeout=3m")
		Expect(result.code).To(Equal(1))
		Expect(result.stderr).To(ContainSubstring("permission denied for table hidden"))
	})

	It("replaces a generated password, which the server and the binding then have", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("shop", "user: shop"))).To(Succeed())
		awaitDatabase(ctx, namespace, "shop", databasev1.ConditionReady, "")
		before := succeedDB(ctx, namespace, "binding", "shop")
		Expect(before).To(MatchRegexp(`^postgresql://shop:[A-Z2-7]{26}@shop-database\..*:5432/shop\n$`))
		succeedDB(ctx, namespace, "rotate", "shop")
		Eventually(ctx, func() string { return runDB(ctx, namespace, "", "binding", "shop").stdout }).ShouldNot(Equal(before))
		Eventually(ctx, func() ran {
			return runDB(ctx, namespace, "", "psql", "shop", "--", "-A", "-t", "-c", "SELECT 1")
		}).Should(Equal(ran{stdout: "1\n"}))
	})
})
