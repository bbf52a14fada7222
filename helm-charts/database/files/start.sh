# Starts the server, and makes its data first where there are none. With the argument "restore" it makes them of a dump and
# leaves the server to another container: no probe puts an end to that one, however long it takes.
#
# The data are made in a folder beside their place and moved there, in one step, when they are complete. So a folder in
# that place is always good, is never removed, and an attempt that was cut short is made again from the beginning.
set -eu
umask 077
# As process 1 a shell ignores what it does not trap.
trap 'exit 143' TERM INT
. "${DATABASE_CONFIG_DIR:-/etc/database}/lib.sh"

new=$PGDATA.new
log=${TMPDIR:-/tmp}/bootstrap.log
identity="user=$DATABASE_USER database=$DATABASE_NAME encoding=$DATABASE_ENCODING"
restore=${1:-}
. "$config_dir/create.sh"
[ -z "$restore" ] || . "$config_dir/restore.sh"

initialise() {
  read_password || fail "the password in the Secret is empty, has a NUL byte, or can't be read"
  [ -z "$restore" ] || find_dump
  create_data "$new"
  as_superuser "$sockets" -d database_operator -v user="$DATABASE_USER" -f "$config_dir/password.sql" 2>"$log.psql" ||
    fail "the password could not be set: $(tail -n 3 "$log.psql")"
  if [ -n "$restore" ]; then
    progress "restoring $dump"
    why=$(restore_dump) || fail "the dump $dump could not be restored: $why"
    printf '%s\n' "$restored" >"$new/database.restored"
    progress "restored $dump"
  fi
  pg_ctl -D "$new" -s -w -t 300 -m fast stop || fail "the server did not stop after its first start"
  rm -rf "$sockets"
  printf '%s\n' "$identity" >"$new/database.identity"
  # The data must be on the disk before its new name is.
  sync
  mv "$new" "$PGDATA"
}

lock_data
if [ ! -e "$PGDATA" ]; then
  # The operator puts this beside the scripts once the server was ready, and removes it when the user agrees to begin anew.
  [ ! -e "$config_dir/had-data" ] ||
    fail "the volume is empty, and this server had data: bring the volume back, or delete its claim and say what to begin with (\"Lost data\" in the user guide)"
  initialise
fi

read -r have <"$PGDATA/PG_VERSION" || fail "the volume holds no PostgreSQL data: there is no $PGDATA/PG_VERSION"
version=$(postgres --version)
program=${version##*"(PostgreSQL) "}
program=${program%%[!0-9]*}
[ "$have" = "$program" ] ||
  fail "the data are of PostgreSQL $have and the image has PostgreSQL $program: set spec.image to one of version $have"

read -r was <"$PGDATA/database.identity" || fail "the volume's data were not made by this chart"
[ "$was" = "$identity" ] ||
  fail "the volume holds data of another Database ($was), and this one asks for $identity: make the spec agree, or remove the volume claim"

[ -z "$restore" ] || { check_restored; exit; }

# A server that is started in another way would not hold the lock: the configuration that it would find stops it.
unlocked='etc_database_start_sh_was_not_used = on'
grep -qsxF "$unlocked" "$PGDATA/postgresql.conf" ||
  printf '# The server is started by start.sh, which takes the lock on the volume.\n%s\n' "$unlocked" >"$PGDATA/postgresql.conf" || :

# A volume whose owner the kubelet had to change lets the group in, and the server refuses that.
chmod 0700 "$PGDATA"

# settings.sh has chosen the Database's settings, where it has any.
if [ -e "$config_dir/settings.conf" ]; then
  configuration "$settings"
else
  rm -f "$settings"
  configuration ''
fi >"$socket_dir/postgresql.conf"

# The first line that fits a connection decides.
{
  # The exporter's role comes from inside the pod only, even where all others need TLS, and sees no data of the user's.
  [ -z "${DATABASE_EXPORTER:-}" ] || echo 'host postgres database_exporter 127.0.0.1/32 scram-sha-256'
  # A role of that name may be a user's who has no exporter.
  [ "$DATABASE_USER" = database_exporter ] || echo 'host all database_exporter all reject'
  [ "${DATABASE_TLS:-}" != Required ] || echo 'hostnossl all all all reject'
  cat "$config_dir/pg_hba.conf"
} >"$socket_dir/pg_hba.conf"
[ -z "${DATABASE_TLS:-}" ] || certificate >"$socket_dir/certificate"

# exec: the server gets the pod's signals, and its exit is the container's.
exec postgres -D "$PGDATA" -c config_file="$socket_dir/postgresql.conf" -c hba_file="$socket_dir/pg_hba.conf" \
  -c port="$port" -c unix_socket_directories="$socket_dir" -c lc_messages=C
