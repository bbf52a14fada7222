# Writes one dump of the database beside the others, and removes the oldest ones beyond those to keep.
#
# A dump has its name only once it is complete, on the disk, and has been restored into a scratch server in this container:
# what is half done has another name, and what is there under its own is good. Nothing is removed before the new one is
# there, and nothing that a restore reads.
#
# What the operator reads of it, in the pod's status: on success one line of JSON,
#   {"name": file, "bytes": its size, "seconds": how long it took, "restored": whether it was restored, and if so when
#   ("time"), with how many tables ("tables") and rows ("rows")}
# and otherwise one line of text that says why. What it does meanwhile is in its log, a line for each step.
set -eu
umask 077
trap 'exit 143' TERM INT
. "${DATABASE_CONFIG_DIR:-/etc/database}/lib.sh"
. "$config_dir/create.sh"
. "$config_dir/restore.sh"

dir=${DATABASE_BACKUP_DIR:-/backups}
scratch=${DATABASE_SCRATCH_DIR:-/scratch}/data
log=${TMPDIR:-/tmp}/backup.log
part=$dir/dump.part

remove_part() {
  rm -f "$part" "$part.sha256" "$part.properties"
}

give_up() {
  remove_part
  fail "$1"
}

# failed says why pg_dump failed.
failed() {
  case $(cat "$log") in
    # It waits by the time of the statement.
    *'due to '*' timeout'*'LOCK TABLE'*)
      echo "a table was locked by another session for $((lock_wait / 1000)) s, and a dump needs all of them: end that transaction. $(
        errors "$log") $(sed -n 's/^pg_dump: detail: Query was: //p' "$log" | head -c 300)" ;;
    *) errors "$log" ;;
  esac
}

read_password || fail "the password in the Secret is empty, has a NUL byte, or can't be read"

# A server that restarts, or has not yet taken a new password, gets three minutes.
tries=${DATABASE_LOGIN_TRIES:-36}
until login >/dev/null 2>"$log"; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || fail "the server takes no login: $(errors "$log")"
  sleep 5
done

# One at a time: a backup that was asked for may meet one on schedule. The lock ends with the process, however that does.
touch "$dir/.lock" 2>"$log" || fail "the volume for the dumps can't be written: $(errors "$log")"
exec 9<"$dir/.lock"
flock 9
# With the lock, what is half done was cut short.
remove_part

began=$(date +%s)
progress "writing the dump"
lock_wait=${DATABASE_LOCK_WAIT:-300000}
# In the database's own encoding, so that the text may be restored to another one.
PGPASSWORD=$DATABASE_PASSWORD pg_dump -w -h "$host" -p "$port" -U "$DATABASE_USER" -d "$DATABASE_NAME" \
  --format=custom --encoding="$DATABASE_ENCODING" --lock-wait-timeout="$lock_wait" --file="$part" 2>"$log" ||
  give_up "pg_dump failed: $(failed)"
PGPASSWORD=$DATABASE_PASSWORD PGCLIENTENCODING=$(text_encoding) PGOPTIONS='-c search_path=pg_catalog' \
  psql -X -q -w -A -t -v ON_ERROR_STOP=1 -h "$host" -p "$port" -U "$DATABASE_USER" -d "$DATABASE_NAME" \
  -f "$config_dir/properties.sql" >"$part.properties" 2>"$log" || give_up "the database's properties can't be read: $(errors "$log")"
sum=$(sha256sum "$part") || give_up "the dump can't be read back"
bytes=$(($(wc -c <"$part")))

# prove restores the dump as start.sh does, and prints how many tables and rows it has, as JSON.
prove() {
  progress "restoring the dump, of $bytes bytes, into a scratch server"
  exec 7<"$part"
  properties=$(cat "$part.properties")
  # A small server that does without what makes data last.
  create_data "$scratch" "-c fsync=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c autovacuum=off
    -c shared_buffers=16MB -c maintenance_work_mem=16MB -c max_parallel_maintenance_workers=0
    -c max_parallel_workers_per_gather=0"
  why=$(restore_dump) || {
    stop_scratch
    give_up "the dump can't be restored, and is not kept: $why"
  }
  exec 7<&-
  progress "counting what was restored"
  PGPASSWORD='' psql -X -q -w -A -t -h "$sockets" -p "$port" -U "$DATABASE_USER" -d "$DATABASE_NAME" -v ON_ERROR_STOP=1 \
    -f "$config_dir/count.sql" >"$log.count" 2>"$log" || {
    stop_scratch
    give_up "the restored dump can't be read: $(errors "$log")"
  }
  stop_scratch
  tables=0 rows=0
  while read -r count; do
    tables=$((tables + 1)) rows=$((rows + count))
  done <"$log.count"
  proof="true,\"time\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"tables\":$tables,\"rows\":$rows"
}

stop_scratch() {
  pg_ctl -D "$scratch" -s -m immediate stop || :
  rm -rf "$scratch"
}

proof=false
if [ "${DATABASE_BACKUP_VERIFICATION:-Restore}" = Restore ]; then
  prove
else
  pg_restore --file=/dev/null "$part" 2>"$log" || give_up "the dump can't be read back: $(errors "$log")"
fi

name=$DATABASE_BACKUP_NAME-$(date -u +%Y%m%dT%H%M%SZ).dump
while [ -e "$dir/$name" ]; do
  sleep 1
  name=$DATABASE_BACKUP_NAME-$(date -u +%Y%m%dT%H%M%SZ).dump
done
printf '%s  %s\n' "${sum%% *}" "$name" >"$part.sha256" || give_up "the dump's checksum can't be written"
sync
mv "$part.sha256" "$dir/$name.sha256"
mv "$part.properties" "$dir/$name.properties"
mv "$part" "$dir/$name"
sync

# prune removes a dump, unless a restore has it open: the next backup removes that one. Where it can't be locked, since it
# is somebody else's, no restore can read it.
prune() {
  if [ ! -w "$dir/$1" ]; then
    rm -f "$dir/$1" "$dir/$1.sha256" "$dir/$1.properties"
    return
  fi
  (flock -n 6 && rm -f "$dir/$1" "$dir/$1.sha256" "$dir/$1.properties") 6>>"$dir/$1" || progress "$1 is in use, and kept"
}

# The new one is never among those to go, even where a clock that was ahead gave an older one a later name.
dumps "$dir" "$DATABASE_BACKUP_NAME" | grep -vxF "$name" | sort -r | tail -n "+$DATABASE_BACKUP_RETAIN" |
  while read -r old; do prune "$old"; done

printf '{"name":"%s","bytes":%d,"seconds":%d,"restored":%s}\n' "$name" "$bytes" "$(($(date +%s) - began))" "$proof" |
  tee "${DATABASE_TERMINATION_LOG:-/dev/termination-log}"
