# Writes one dump of the database beside the others, and removes the oldest ones beyond those to keep.
#
# A dump has its name only once it is complete, on the disk, and has been read through: what is half done has another
# name, and what is there under its own is good. Nothing is removed before the new one is there.
set -eu
umask 077
trap 'exit 143' TERM INT
. "${DATABASE_CONFIG_DIR:-/etc/database}/lib.sh"

dir=${DATABASE_BACKUP_DIR:-/backups}
log=${TMPDIR:-/tmp}/backup.log
part=$dir/dump.part

give_up() {
  rm -f "$part" "$part.sha256"
  fail "$1"
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
rm -f "$part" "$part.sha256"

began=$(date +%s)
# In the database's own encoding, so that the text may be restored to another one.
PGPASSWORD=$DATABASE_PASSWORD pg_dump -w -h "$host" -p "$port" -U "$DATABASE_USER" -d "$DATABASE_NAME" \
  --format=custom --encoding="$DATABASE_ENCODING" --file="$part" 2>"$log" || give_up "pg_dump failed: $(errors "$log")"
pg_restore --file=/dev/null "$part" 2>"$log" || give_up "the dump can't be read back: $(errors "$log")"
sum=$(sha256sum "$part") || give_up "the dump can't be read back"
bytes=$(($(wc -c <"$part")))

name=$DATABASE_BACKUP_NAME-$(date -u +%Y%m%dT%H%M%SZ).dump
while [ -e "$dir/$name" ]; do
  sleep 1
  name=$DATABASE_BACKUP_NAME-$(date -u +%Y%m%dT%H%M%SZ).dump
done
printf '%s  %s\n' "${sum%% *}" "$name" >"$part.sha256" || give_up "the dump's checksum can't be written"
sync
mv "$part.sha256" "$dir/$name.sha256"
mv "$part" "$dir/$name"
sync

# The new one is never among those to go, even where a clock that was ahead gave an older one a later name.
dumps "$dir" "$DATABASE_BACKUP_NAME" | grep -vxF "$name" | sort -r | tail -n "+$DATABASE_BACKUP_RETAIN" |
  while read -r old; do rm -f "$dir/$old" "$dir/$old.sha256"; done

# The operator reads it from the pod's status.
printf '{"name":"%s","bytes":%d,"seconds":%d}\n' "$name" "$bytes" "$(($(date +%s) - began))" |
  tee "${DATABASE_TERMINATION_LOG:-/dev/termination-log}"
