package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

// rows are written into each Database.
const rows = 1000

// fill writes rows into Databases.
func fill(ctx context.Context, databases []*databasev1.Database) error {
	for _, db := range databases {
		if _, err := sql(ctx, db, fmt.Sprintf("CREATE TABLE kept AS SELECT generate_series(1, %d) AS id", rows)); err != nil {
			return err
		}
	}
	return nil
}

// count gives how many rows are there in all.
func count(ctx context.Context, databases []*databasev1.Database) (int, error) {
	var all int
	for _, db := range databases {
		answer, err := sql(ctx, db, "SELECT count(*) FROM kept")
		if err != nil {
			return 0, err
		}
		var n int
		if _, err := fmt.Sscan(answer, &n); err != nil {
			return 0, fmt.Errorf("counting the rows of Database %s: %q: %w", db.Name, answer, err)
		}
		all += n
	}
	return all, nil
}

// sql asks a Database as the superuser, in its pod.
func sql(ctx context.Context, db *databasev1.Database, statement string) (string, error) {
	command := exec.CommandContext(ctx, "kubectl", "--namespace="+db.Namespace, "exec", db.Name+"-database-0", "--container=postgres", "--",
		"psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--username=postgres", "--dbname="+db.Status.DatabaseName, "--command="+statement)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("asking Database %s: %w: %s", db.Name, err, output)
	}
	return strings.TrimSpace(string(output)), nil
}
