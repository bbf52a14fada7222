# Functions that create data: start.sh's, and the scratch data into which backup.sh restores a dump.

# create_data DIRECTORY OPTIONS creates data with the user and the empty database, and leaves a server running on it that
# nobody but this script reaches: it listens on no address, and on a socket apart, in $sockets.
create_data() {
  rm -rf "$1"
  initdb -D "$1" -U postgres --encoding="$DATABASE_ENCODING" --locale=C --auth=trust --data-checksums >"$log" 2>&1 ||
    fail "initdb failed: $(tail -n 3 "$log")"
  sockets=$1/bootstrap
  mkdir "$sockets"
  echo "include_if_exists = '$sockets/libraries.conf'" >>"$1/postgresql.conf"
  libraries >"$sockets/libraries.conf"
  start_bootstrap "$@" || { : >"$sockets/libraries.conf" && start_bootstrap "$@"; } ||
    fail "the server did not start for the first time: $(tail -n 3 "$log")"
  psql -X -q -w -v ON_ERROR_STOP=1 -h "$sockets" -p "$port" -U postgres -d postgres \
    -v user="$DATABASE_USER" -v name="$DATABASE_NAME" -v encoding="$DATABASE_ENCODING" \
    -f "$config_dir/bootstrap.sql" 2>"$log.psql" || fail "the database could not be created: $(tail -n 3 "$log.psql")"
}

start_bootstrap() {
  pg_ctl -D "$1" -s -w -t 300 start -l "$log" -o "-c listen_addresses= -c port=$port -c unix_socket_directories=$sockets \
    -c unix_socket_permissions=0700 -c max_wal_size=256MB ${2:-}"
}

# libraries prints those of the settings without which some extensions can't be created.
libraries() {
  [ ! -e "$config_dir/settings.conf" ] ||
    grep -E '^(shared_preload_libraries|[a-z0-9_]+\.[a-z0-9_.]+) = ' "$config_dir/settings.conf" || :
}
