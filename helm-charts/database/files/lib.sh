# Functions that the other scripts share. They use a POSIX shell with its utilities, and PostgreSQL's own programs.

# Set so that the tests can run the scripts outside a pod.
password_file=${DATABASE_PASSWORD_FILE:-/run/credentials/password}
exporter_password_file=${DATABASE_EXPORTER_PASSWORD_FILE:-/run/exporter/password}
tls_dir=${DATABASE_TLS_DIR:-/run/tls}
socket_dir=${DATABASE_SOCKET_DIR:-/var/run/postgresql}
config_dir=${DATABASE_CONFIG_DIR:-/etc/database}
port=${DATABASE_PORT:-5432}
# The server's own pod, unless it is another's.
host=${DATABASE_HOST:-127.0.0.1}

# The Database's settings that the server runs with. On the volume, so that they are there when newer ones are refused.
settings=${PGDATA:-}.settings

# A password is bytes to us, as it is to PostgreSQL's clients: nothing on the way may convert it.
export PGCLIENTENCODING=SQL_ASCII PGCONNECT_TIMEOUT=5

# lock_data takes the data for this container, from before they are read or created until its last process has ended: all
# that it starts inherits the descriptor, and nothing closes it. Whatever would use the same volume meanwhile waits
# for half a minute, since a pod may still be stopping, and then gives up: two servers on one volume destroy the data.
lock_data() {
  touch "$PGDATA.lock" || fail "the lock on the volume can't be created: $PGDATA.lock"
  exec 8>>"$PGDATA.lock"
  tries=${DATABASE_LOCK_TRIES:-30}
  until flock -n 8; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] ||
      fail "another container uses the data: pod $(cat "$PGDATA.lock") holds the lock $PGDATA.lock on the volume. Delete that pod if it is not this Database's own"
    sleep 1
  done
  # For the message above only.
  uname -n >"$PGDATA.lock" || :
}

# read_password puts the file's bytes into DATABASE_PASSWORD: the environment, since arguments of a process can be read
# by others. Command substitution drops newlines at the end, hence the x, and NUL bytes, hence the count: a
# password with those, or an empty one, is never set.
read_password() {
  DATABASE_PASSWORD=$(cat "$password_file" 2>/dev/null && printf x) || return 1
  DATABASE_PASSWORD=${DATABASE_PASSWORD%x}
  [ -n "$DATABASE_PASSWORD" ] && [ "$(printf %s "$DATABASE_PASSWORD" | wc -c)" -eq "$(wc -c <"$password_file")" ]
}

# as_superuser DIRECTORY runs psql over the socket in DIRECTORY. The maintenance database is SQL_ASCII, in which the
# server takes any bytes as they are; in the user's own encoding it would refuse or change some passwords. All logging
# of statements is off, whatever the Database's settings say, since the password would be in the log with them. No name
# is looked up where a user could have put something else of that name.
as_superuser() {
  as_superuser_dir=$1
  shift
  DATABASE_PASSWORD=$DATABASE_PASSWORD \
  PGOPTIONS=$unlogged \
    psql -X -q -w -v ON_ERROR_STOP=1 -v VERBOSITY=terse -h "$as_superuser_dir" -p "$port" -U postgres "$@"
}

unlogged='-c log_statement=none -c log_min_error_statement=panic -c log_min_duration_statement=-1
  -c log_min_duration_sample=-1 -c log_transaction_sample_rate=0 -c debug_print_parse=off -c debug_print_rewritten=off
  -c debug_print_plan=off -c pg_stat_statements.track=none -c pgaudit.log=none -c default_transaction_read_only=off
  -c statement_timeout=0 -c search_path=pg_catalog'

# login makes the connection that a client would make.
login() {
  PGPASSWORD=$DATABASE_PASSWORD PGOPTIONS='' \
    psql -X -q -w -A -t -h "$host" -p "$port" -U "$DATABASE_USER" -d "$DATABASE_NAME" -c 'SELECT'
}

# text_encoding is the encoding in which a client takes the texts of catalogs: one encoding has no way to UTF8.
text_encoding() {
  case $DATABASE_ENCODING in MULE_INTERNAL) echo MULE_INTERNAL ;; *) echo UTF8 ;; esac
}

# progress writes a line to the log.
progress() {
  printf 'database: %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" >&2
}

# dumps DIRECTORY NAME lists the complete dumps of the Database NAME in DIRECTORY. By name is by age.
dumps() {
  ls "$1" 2>/dev/null | grep -E "^$2-[0-9]{8}T[0-9]{6}Z\.dump$"
}

# errors FILE prints the last errors in a program's output. Not the lines beside them, which can show rows.
errors() {
  grep -i 'error:' "$1" | tail -n 3 | grep . || tail -n 3 "$1"
}

# configuration prints the server's: what the operator needs, and after it the settings in a file, if there is one.
configuration() {
  printf "include '%s'\n" "$config_dir/postgresql.conf"
  if [ -n "${DATABASE_TLS:-}" ]; then
    printf "ssl = on\nssl_cert_file = '%s'\nssl_key_file = '%s'\n" "$tls_dir/tls.crt" "$tls_dir/tls.key"
  fi
  [ -z "$1" ] || printf "include '%s'\n" "$1"
}

# certificate prints what changes when the certificate or its key does.
certificate() {
  cat "$tls_dir/tls.crt" "$tls_dir/tls.key" | cksum
}

# fail says why, both in the log and where the kubelet puts it into the pod's status.
fail() {
  printf 'database: %s\n' "$1" >&2
  printf '%s\n' "$1" 2>/dev/null >"${DATABASE_TERMINATION_LOG:-/dev/termination-log}" || :
  exit 1
}
