# Chooses, before the server starts, which of the Database's settings it gets: the new ones, where the server takes them;
# otherwise those that it last had, or none. What it said of those that it refused goes to where the kubelet puts it into
# the pod's status, from where the operator takes it.
#
# The server is asked with a data directory that has little more than a real one's control file, so that it can do no
# harm, and all that it would refuse at its start it refuses here: names, values, what does not go together, libraries,
# certificates (-C), and shared memory (--check, as initdb asks it).
set -eu
umask 077
trap 'exit 143' TERM INT
. "${DATABASE_CONFIG_DIR:-/etc/database}/lib.sh"

scratch=${TMPDIR:-/tmp}/settings
words=${TMPDIR:-/tmp}/settings.log

make_scratch() {
  rm -rf "$scratch"
  if [ ! -e "$PGDATA" ]; then
    # The data are not made yet.
    initdb -D "$scratch" -U postgres --no-sync --locale=C --auth=trust >"$words" 2>&1
    return
  fi
  mkdir "$scratch"
  for directory in "$PGDATA"/*/; do
    mkdir "$scratch/$(basename "$directory")"
  done
  for file in PG_VERSION postgresql.auto.conf global/pg_control; do
    [ ! -e "$PGDATA/$file" ] || cp "$PGDATA/$file" "$scratch/$file"
  done
}

# memory prints how many MB the container may have: its own limit (of cgroups, version 2 or 1), or the node's memory.
memory() {
  least=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
  least=$((least / 1024))
  for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    limit=$(cat "$file" 2>/dev/null) || continue
    case $limit in *[!0-9]* | '') continue ;; esac
    [ "$((limit / 1048576))" -ge "$least" ] || least=$((limit / 1048576))
  done
  printf %s "$least"
}

# takes tells whether the server would start with the settings in a file; no file: with none. Its words are in $words.
takes() {
  configuration "$1" >"$scratch.conf"
  set -- -D "$scratch" -c config_file="$scratch.conf" -c log_line_prefix= -c log_min_messages=warning
  LC_ALL=C postgres -C shared_memory_size "$@" >"$scratch.size" 2>"$words" || return 1
  size=$(cat "$scratch.size")
  if [ "$size" -gt "$(memory)" ]; then
    printf 'the server would need %s MB of shared memory (shared_buffers, max_connections), and has %s MB of memory\n' \
      "$size" "$(memory)" >"$words"
    return 1
  fi
  LC_ALL=C postgres --check "$@" >/dev/null 2>"$words"
}

lock_data
make_scratch || fail "the settings could not be checked: $(tail -n 3 "$words")"
new=$config_dir/settings.conf
if takes "$new"; then
  cp "$new" "$settings.new"
else
  # The files are ours, and tell the reader nothing.
  refused=$(sed -e 's/ in file "[^"]*" line [0-9]*//' -e '/configuration file "[^"]*" contains errors/d' "$words" | head -c 2000)
  if ! takes ''; then
    # The settings are not what it refuses: let the server say itself what that is.
    cp "$new" "$settings.new"
  else
    if [ -e "$settings" ] && takes "$settings"; then
      cp "$settings" "$settings.new"
    else
      : >"$settings.new"
    fi
    printf 'the settings are refused: %s\n' "$refused" >&2
    printf '%s\n' "$refused" >"${DATABASE_TERMINATION_LOG:-/dev/termination-log}"
  fi
fi
mv "$settings.new" "$settings"
rm -rf "$scratch" "$scratch".*
