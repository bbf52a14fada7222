# Functions that restore a dump: start.sh's, and backup.sh's, which proves each dump by restoring it.
#
# Nothing in a dump runs with more rights than the user's: it could have been written by anybody. The superuser takes from
# it only the names of extensions.
dumps_dir=${DATABASE_RESTORE_DIR:-/restore}
restored="database=${DATABASE_RESTORE_FROM:-} dump=${DATABASE_RESTORE_DUMP:-}"

newest() { dumps "$dumps_dir" "$DATABASE_RESTORE_FROM" | sort | tail -n "$1"; }

# find_dump opens the dump to restore. It is read by the open descriptor, and held by a lock, so that a backup that prunes
# dumps meanwhile leaves it.
find_dump() {
  dump=$DATABASE_RESTORE_DUMP
  if [ "$dump" = latest ]; then
    dump=$(newest 1)
    [ -n "$dump" ] || fail "there is no dump of Database $DATABASE_RESTORE_FROM on the volume of its dumps"
  fi
  [ -f "$dumps_dir/$dump" ] && exec 7<"$dumps_dir/$dump" ||
    fail "there is no dump $dump on the volume of the dumps. The newest there are: $(newest 3 | tr '\n' ' ')"
  flock -s 7 || :
  # A file that somebody put there need not have a checksum, nor properties.
  [ ! -e "$dumps_dir/$dump.sha256" ] || (cd "$dumps_dir" && sha256sum -c "$dump.sha256") >/dev/null 2>&1 ||
    fail "the dump $dump is damaged: it is not what was written. Choose another in spec.restoreFrom"
  properties=
  [ ! -e "$dumps_dir/$dump.properties" ] || properties=$(cat "$dumps_dir/$dump.properties")
}

as_user() {
  PGOPTIONS='-c default_transaction_read_only=off' pg_restore -w -h "$sockets" -p "$port" -U "$DATABASE_USER" \
    -d "$DATABASE_NAME" --no-owner "$@" /dev/fd/7 2>"$log.restore"
}

# chosen FILE GREP-ARGUMENTS... writes the chosen entries of the dump into FILE.
chosen() {
  to=$1
  shift
  grep -E "$@" "$log.list" >"$to" || :
}

# restore_dump fills the new database with the dump that is open as descriptor 7, and prints why it can't. What is left out
# is logged: grants to roles that are not here, first of all the dump's own user, and what only a superuser may set.
restore_dump() {
  pg_restore --list /dev/fd/7 >"$log.list" 2>"$log.restore" || { errors "$log.restore"; return 1; }
  entry='^[0-9]+; [0-9]+ [0-9]+ '
  chosen "$log.schemas" "${entry}SCHEMA "
  chosen "$log.extensions" "${entry}EXTENSION "
  chosen "$log.last" "$entry((DEFAULT )?ACL |COMMENT - EXTENSION )"
  chosen "$log.main" -v "$entry(SCHEMA |COMMENT - EXTENSION )"
  as_user --exit-on-error --no-privileges --use-list="$log.schemas" || { errors "$log.restore"; return 1; }
  create_extensions || return 1
  as_user --exit-on-error --no-privileges --use-list="$log.main" || { errors "$log.restore"; return 1; }
  as_user --use-list="$log.last" ||
    printf 'database: some grants and comments of the dump were left out:\n%s\n' "$(errors "$log.restore")" >&2
  [ -z "$properties" ] || set_properties || return 1
}

# create_extensions creates those that the user may not create, by their names.
create_extensions() {
  pg_restore --use-list="$log.extensions" --file=- /dev/fd/7 2>"$log.restore" |
    sed -n 's/^CREATE EXTENSION IF NOT EXISTS \(.*\) WITH SCHEMA \(.*\);$/\1 \2/p' | tr -d '"' >"$log.names"
  while read -r extension schema; do
    as_superuser "$sockets" -d "$DATABASE_NAME" -v extension="$extension" -v schema="$schema" \
      -f "$config_dir/extension.sql" >/dev/null 2>"$log.restore" || {
      printf 'extension %s: %s' "$extension" "$(errors "$log.restore")"
      return 1
    }
  done <"$log.names"
}

set_properties() {
  DATABASE_PROPERTIES=$properties PGCLIENTENCODING=$(text_encoding) PGOPTIONS='-c default_transaction_read_only=off -c search_path=pg_catalog' \
    psql -X -q -w -h "$sockets" -p "$port" -U "$DATABASE_USER" -d "$DATABASE_NAME" -v VERBOSITY=terse \
    -f "$config_dir/set-properties.sql" >/dev/null 2>"$log.restore" || { errors "$log.restore"; return 1; }
  [ ! -s "$log.restore" ] || printf 'database: some properties of the database were left out:\n%s\n' "$(errors "$log.restore")" >&2
}

# check_restored sees to it that data that is there already is not taken for that of the dump.
check_restored() {
  if [ -e "$PGDATA/database.restored" ]; then read -r was <"$PGDATA/database.restored"; else was=; fi
  [ "$was" = "$restored" ] ||
    fail "the volume holds data already, and not those of spec.restoreFrom: remove spec.restoreFrom to go on with them, or remove the volume claim"
}
