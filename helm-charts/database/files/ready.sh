# Succeeds when the server takes a login of the user and has the encoding that was asked for.
#
# The Secret is what holds for the password. Where it changed, while the server ran or while only the volume was there,
# the login fails: then the password is set to the Secret's, and tried again. So a new password needs no restart.
. "${DATABASE_CONFIG_DIR:-/etc/database}/lib.sh"

read_password || { echo "the password in the Secret is empty, has a NUL byte, or can't be read" >&2; exit 1; }
encoding=$(login 2>/dev/null) || {
  as_superuser "$socket_dir" -d database_operator -v user="$DATABASE_USER" -f "$config_dir/password.sql" || exit 1
  encoding=$(login) || exit 1
}
[ "$encoding" = "$DATABASE_ENCODING" ] || {
  echo "the encoding of the database is $encoding, not $DATABASE_ENCODING" >&2
  exit 1
}

# A certificate that was renewed is taken up without a restart. Where the new one is unusable the server keeps the old.
if [ -n "${DATABASE_TLS:-}" ]; then
  now=$(certificate)
  if [ "$now" != "$(cat "$socket_dir/certificate")" ]; then
    pg_ctl -D "$PGDATA" -s reload && printf '%s\n' "$now" >"$socket_dir/certificate"
  fi
fi
