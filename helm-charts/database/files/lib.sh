# Functions that the other scripts share. They use a POSIX shell with its utilities, and PostgreSQL's own programs.

# Set so that the tests can run the scripts outside a pod.
password_file=${DATABASE_PASSWORD_FILE:-/run/credentials/password}
socket_dir=${DATABASE_SOCKET_DIR:-/var/run/postgresql}
config_dir=${DATABASE_CONFIG_DIR:-/etc/database}
port=${DATABASE_PORT:-5432}

# A password is bytes to us, as it is to PostgreSQL's clients: nothing on the way may convert it.
export PGCLIENTENCODING=SQL_ASCII PGCONNECT_TIMEOUT=5

# read_password puts the file's bytes into DATABASE_PASSWORD: the environment, since arguments of a process can be read
# by others. Command substitution drops newlines at the end, hence the x, and NUL bytes, hence the count: a
# password with those, or an empty one, is never set.
read_password() {
  DATABASE_PASSWORD=$(cat "$password_file" 2>/dev/null && printf x) || return 1
  DATABASE_PASSWORD=${DATABASE_PASSWORD%x}
  [ -n "$DATABASE_PASSWORD" ] && [ "$(printf %s "$DATABASE_PASSWORD" | wc -c)" -eq "$(wc -c <"$password_file")" ]
}

# as_superuser DIRECTORY runs psql over the socket in DIRECTORY. The maintenance database is SQL_ASCII, in which the
# server takes any bytes as they are; in the user's own encoding it would refuse or change some passwords. The logging
# is off, since the server would write a statement that fails, and the password with it, into its log.
as_superuser() {
  as_superuser_dir=$1
  shift
  DATABASE_PASSWORD=$DATABASE_PASSWORD \
  PGOPTIONS='-c log_statement=none -c log_min_error_statement=panic -c log_min_duration_statement=-1' \
    psql -X -q -w -v ON_ERROR_STOP=1 -v VERBOSITY=terse -h "$as_superuser_dir" -p "$port" -U postgres "$@"
}

# login makes the connection that a client would make, and prints the server's encoding.
login() {
  PGPASSWORD=$DATABASE_PASSWORD PGOPTIONS='' \
    psql -X -q -w -A -t -h 127.0.0.1 -p "$port" -U "$DATABASE_USER" -d "$DATABASE_NAME" -c 'SHOW server_encoding'
}

# fail says why, both in the log and where the kubelet puts it into the pod's status.
fail() {
  printf 'database: %s\n' "$1" >&2
  printf '%s\n' "$1" 2>/dev/null >"${DATABASE_TERMINATION_LOG:-/dev/termination-log}" || :
  exit 1
}
