package e2emonitoring

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"example.com/cnat-operator/test/monitoring"
)

// expectPanels asks the queries of all panels for what they gave during the tests, and draws it.
func expectPanels(ctx SpecContext) {
	GinkgoHelper()
	files, err := filepath.Glob("../../config/grafana/*.json")
	Expect(err).NotTo(HaveOccurred())
	now := time.Now()
	panels, empty := 0, []string{}
	for _, file := range files {
		dashboard, err := monitoring.ReadDashboard(file)
		Expect(err).NotTo(HaveOccurred())
		shown := make([][]monitoring.Series, len(dashboard.Panels))
		for i, panel := range dashboard.Panels {
			panels++
			for _, target := range panel.Targets {
				series, err := queryRange(ctx, target, now)
				Expect(err).NotTo(HaveOccurred())
				if !hasNumbers(series) {
					empty = append(empty, panel.Title+": "+target.Expr)
				}
				shown[i] = append(shown[i], series...)
			}
		}
		if *pictures != "" {
			picture := filepath.Join(*pictures, strings.TrimSuffix(filepath.Base(file), ".json")+"-dashboard.svg")
			Expect(os.WriteFile(picture, []byte(monitoring.Draw(dashboard, shown, beginning, now)), 0o644)).To(Succeed())
		}
	}
	fmt.Printf("panels=%d empty=%d\n", panels, len(empty))
	Expect(panels).To(BeNumerically(">", 0))
	Expect(empty).To(BeEmpty())
}
