package debian

import "fmt"

// Postgres has PostgreSQL's server, client and contributed extensions of a major
// version from the Debian release that has it, and flock for backups and locks,
// as the official image. Its user, its data folder and its locale are those of
// the official image too, but there is no entry point script.
func Postgres(version int, suite string) Recipe {
	programs := fmt.Sprintf("usr/lib/postgresql/%d", version)
	// The official image moved its data folder with version 18.
	data := "var/lib/postgresql/data"
	folders := []string{"var/lib/postgresql", data}
	if version >= 18 {
		data = fmt.Sprintf("var/lib/postgresql/%d/docker", version)
		folders = []string{"var/lib/postgresql", fmt.Sprintf("var/lib/postgresql/%d", version), data}
	}
	return Recipe{
		Name:  fmt.Sprintf("postgres-%d", version),
		Suite: suite,
		Packages: []string{
			fmt.Sprintf("postgresql-%d", version), fmt.Sprintf("postgresql-client-%d", version),
			"bash", "base-files", "coreutils", "dash", "findutils", "grep", "libc-bin", "locales", "netbase", "sed", "tzdata", "util-linux",
		},
		// LLVM serves only to compile long queries; without it PostgreSQL interprets
		// them.
		Without: append([]string{
			"libllvm*", "libz3-4", "libjson-perl", "openssl", "postgresql-client-common", "postgresql-common*", "ssl-cert",
		}, installers...),
		Drop:     append([]string{programs + "/lib/bitcode", programs + "/lib/llvmjit.so"}, documents...),
		Locales:  []string{"en_US"},
		User:     999,
		UserName: "postgres",
		Folders:  append(folders, "run/postgresql"),
		Env:      []string{"PATH=/" + programs + "/bin:" + searchPath, "LANG=en_US.utf8", "PGDATA=/" + data},
		Cmd:      []string{"postgres"},
	}
}
