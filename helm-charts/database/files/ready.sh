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

# The exporter's role is made and given its password, once for each password. That it can't be is no reason not to serve:
# the exporter tells.
set_exporter() {
  now=$(cksum <"$exporter_password_file") || return 1
  [ "$now" != "$(cat "$socket_dir/exporter" 2>/dev/null)" ] || return 0
  password_file=$exporter_password_file
  read_password && as_superuser "$socket_dir" -d database_operator -v user=database_exporter \
    -f "$config_dir/exporter.sql" -f "$config_dir/password.sql" && printf '%s\n' "$now" >"$socket_dir/exporter"
}
[ -z "${DATABASE_EXPORTER:-}" ] || set_exporter || :

# A certificate that was renewed is taken up without a restart. Where the new one is unusable the server keeps the old.
if [ -n "${DATABASE_TLS:-}" ]; then
  now=$(certificate)
  if [ "$now" != "$(cat "$socket_dir/certificate")" ]; then
    pg_ctl -D "$PGDATA" -s reload && printf '%s\n' "$now" >"$socket_dir/certificate"
  fi
fi
