# What start.sh does more where the data are to be made of a dump.
dumps_dir=${DATABASE_RESTORE_DIR:-/restore}
restored="database=$DATABASE_RESTORE_FROM dump=$DATABASE_RESTORE_DUMP"

newest() { dumps "$dumps_dir" "$DATABASE_RESTORE_FROM" | sort | tail -n "$1"; }

# find_dump sets dump to the file to restore.
find_dump() {
  dump=$DATABASE_RESTORE_DUMP
  if [ "$dump" = latest ]; then
    dump=$(newest 1)
    [ -n "$dump" ] || fail "there is no dump of Database $DATABASE_RESTORE_FROM on the volume of its dumps"
  fi
  [ -f "$dumps_dir/$dump" ] ||
    fail "there is no dump $dump on the volume of the dumps. The newest there are: $(newest 3 | tr '\n' ' ')"
  # A file that a person put there need not have a checksum.
  [ ! -e "$dumps_dir/$dump.sha256" ] || (cd "$dumps_dir" && sha256sum -c "$dump.sha256") >/dev/null 2>&1 ||
    fail "the dump $dump is damaged: it is not what was written. Choose another in spec.restoreFrom"
}

# as_user restores as the database's user: nothing in a dump runs with more rights than the user's.
as_user() {
  pg_restore -w -h "$sockets" -p "$port" -U "$DATABASE_USER" -d "$DATABASE_NAME" --no-owner "$@" "$dumps_dir/$dump"
}

# restore_dump fills the new database. Grants come last, and may fail: they can name roles that are not here, first of
# all the dump's own user.
restore_dump() {
  as_user --exit-on-error --no-privileges 2>"$log.restore" ||
    fail "the dump $dump could not be restored: $(errors "$log.restore")"
  pg_restore --list "$dumps_dir/$dump" | grep -E '^[0-9]+; [0-9]+ [0-9]+ (DEFAULT )?ACL ' >"$log.grants" || :
  as_user --use-list="$log.grants" 2>"$log.restore" ||
    printf 'database: some grants of the dump were left out:\n%s\n' "$(errors "$log.restore")" >&2
  printf '%s\n' "$restored" >"$new/database.restored"
  printf 'database: restored %s\n' "$dump" >&2
}

# check_restored sees to it that data that are there already are not taken for those of the dump.
check_restored() {
  if [ -e "$PGDATA/database.restored" ]; then read -r was <"$PGDATA/database.restored"; else was=; fi
  [ "$was" = "$restored" ] ||
    fail "the volume holds data already, and not those of spec.restoreFrom: remove spec.restoreFrom to go on with them, or remove the volume claim"
}
