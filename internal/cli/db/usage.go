package db

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/tools/remotecommand"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
)

// usageScript prints a line of the data's file system, and one of the server. It asks as the superuser, who has a
// connection where the users' are all taken, in a database where nobody else can create a function of a name that is
// used.
const usageScript = `LC_ALL=C df -Pk /pgdata | tail -n 1
export PGCONNECT_TIMEOUT=5 PGHOST=/var/run/postgresql PGUSER=postgres PGDATABASE=postgres
export PGOPTIONS='-c search_path=pg_catalog -c default_transaction_read_only=on -c statement_timeout=5s'
exec psql -X -q -w -A -t -F ' ' -v name="$DATABASE_NAME" <<'END'
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
  current_setting('max_connections'), (SELECT pg_database_size(oid) FROM pg_database WHERE datname = :'name')
END`

// usage is what only the server's pod knows. What could not be read has its error beside it.
type usage struct {
	// used and free are of the data's file system, in bytes. They may be less than it has: some of it is root's.
	used, free int64
	storageErr error
	// size is of the database, in bytes; -1 where it is not there.
	size               int64
	connections, limit int64
	serverErr          error
}

// usageWithin is how long that may take.
const usageWithin = 15 * time.Second

// readUsage asks in the server's pod.
func readUsage(ctx context.Context, cluster *cli.Cluster, db *v1.Database) usage {
	// A node that does not answer must not keep the rest from the user.
	ctx, cancel := context.WithTimeout(ctx, usageWithin)
	defer cancel()
	var stdout, stderr bytes.Buffer
	err := execute(ctx, cluster, db, []string{"sh", "-c", usageScript},
		remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	return parseUsage(stdout.String(), stderr.String(), err)
}

// parseUsage reads what the script printed.
func parseUsage(stdout, stderr string, err error) usage {
	var ended *cli.ExitError
	if err != nil && !errors.As(exitOf(err), &ended) {
		err = cli.Explain(err) // it did not run
		return usage{storageErr: err, serverErr: err}
	}
	first, second, _ := strings.Cut(strings.TrimSpace(stdout), "\n")
	var u usage
	u.used, u.free, u.storageErr = parseDisk(first)
	u.connections, u.limit, u.size, u.serverErr = parseServer(second)
	if message := strings.TrimSpace(stderr); u.serverErr != nil && message != "" {
		u.serverErr = errors.New(message)
	}
	return u
}

// parseDisk reads a line of df -Pk: device, blocks, used, available, capacity and mount point.
func parseDisk(line string) (used, free int64, err error) {
	fields := strings.Fields(line)
	const columns = 6
	if len(fields) < columns {
		return 0, 0, fmt.Errorf("df printed %q", line)
	}
	fields = fields[len(fields)-columns:]
	const kibi = 1024
	if used, err = strconv.ParseInt(fields[2], 10, 64); err == nil {
		free, err = strconv.ParseInt(fields[3], 10, 64)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("df printed %q", line)
	}
	return used * kibi, free * kibi, nil
}

// parseServer reads the numbers that the server answered with. The size is missing where the database is.
func parseServer(line string) (connections, limit, size int64, err error) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return 0, 0, 0, errors.New("the server did not answer")
	}
	numbers := [3]int64{-1, -1, -1}
	for i, field := range fields[:min(len(fields), len(numbers))] {
		if numbers[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return 0, 0, 0, fmt.Errorf("the server answered %q", line)
		}
	}
	return numbers[0], numbers[1], numbers[2], nil
}
