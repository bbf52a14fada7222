# Succeeds when the server takes logins of the user to the database, with the encoding that was asked for.
#
# When it fails it prints one line, "REASON: MESSAGE", which the kubelet puts into an event of the pod (reason Unhealthy)
# and the operator takes from there. The reasons are stable: NotAccepting, PasswordUnusable, RoleMissing, LoginDisabled,
# ConnectionLimit, DatabaseMissing, EncodingDiffers, LoginRefused. Crashed does not make the pod unready: it is printed
# once, by one failure of the three that it takes, after a crash that the server recovered from within its container.
#
# A server whose connections are all in use is ready (SQLSTATE 53300). The Secret is what holds for the password: only where
# the server says that it is wrong (28P01) it is set. A login is tried only after one or the other has changed.
. "${DATABASE_CONFIG_DIR:-/etc/database}/lib.sh"

report() {
  printf '%s\n' "$1"
  exit 1
}

# The server runs with lc_messages C, so these are its words for SQLSTATE 53300.
full() {
  case $1 in *'too many clients'* | *'connection slots are reserved'* | *'too many connections for'*) ;; *) return 1 ;; esac
}

read_password || report "PasswordUnusable: the password in the Secret is empty, has a NUL byte, or can't be read"
state=$(as_superuser "$socket_dir" -d database_operator -A -t -F ' ' -v user="$DATABASE_USER" -v name="$DATABASE_NAME" \
  -v encoding="$DATABASE_ENCODING" -f "$config_dir/ready.sql" 2>&1) || {
  # Not even the superuser has a connection left.
  ! full "$state" || exit 0
  report "NotAccepting: $(printf %s "$state" | tail -n 1)"
}
{ read -r problem; read -r verifier; read -r server; } <<END
$state
END
[ -z "$problem" ] || report "$problem"

known="$(cksum <"$password_file") $verifier"
if [ "$known" != "$(cat "$socket_dir/login" 2>/dev/null)" ]; then
  [ -e "$socket_dir/login" ] ||
    as_superuser "$socket_dir" -d database_operator -v user="$DATABASE_USER" -f "$config_dir/role.sql" >/dev/null 2>&1 || :
  answer=$(login 2>&1) && printf '%s\n' "$known" >"$socket_dir/login" || case $answer in
    *'password authentication failed'*)
      answer=$(as_superuser "$socket_dir" -d database_operator -v user="$DATABASE_USER" -f "$config_dir/password.sql" 2>&1 &&
        login 2>&1) || full "$answer" || report "LoginRefused: $(printf %s "$answer" | tail -n 1)" ;;
    *) full "$answer" || report "LoginRefused: $(printf %s "$answer" | tail -n 1)" ;;
  esac
fi

# The exporter's role is created and given its password, once for each password. That it can't be is no reason not to
# serve: the exporter reports it.
set_exporter() {
  now=$(cksum <"$exporter_password_file") || return 1
  [ "$now" != "$(cat "$socket_dir/exporter" 2>/dev/null)" ] || return 0
  password_file=$exporter_password_file
  read_password && as_superuser "$socket_dir" -d database_operator -v user=database_exporter \
    -f "$config_dir/exporter.sql" -f "$config_dir/password.sql" && printf '%s\n' "$now" >"$socket_dir/exporter"
}
[ -z "${DATABASE_EXPORTER:-}" ] || set_exporter >/dev/null 2>&1 || :

# A certificate that was renewed is taken up without a restart. Where the new one is unusable the server keeps the old.
if [ -n "${DATABASE_TLS:-}" ]; then
  now=$(certificate)
  if [ "$now" != "$(cat "$socket_dir/certificate")" ]; then
    pg_ctl -D "$PGDATA" -s reload && printf '%s\n' "$now" >"$socket_dir/certificate"
  fi
fi

# Kubernetes counts the restarts of the container; these it does not see.
crashes=0
[ ! -e "$socket_dir/server" ] || read -r started helpers crashes <"$socket_dir/server"
if [ "$server" != "${started:-} ${helpers:-}" ]; then
  if [ "${server% *}" = "${started:-}" ]; then crashes=$((crashes + 1)); else crashes=0; fi
  printf '%s %s\n' "$server" "$crashes" >"$socket_dir/server"
  [ "$crashes" -eq 0 ] ||
    report "Crashed: a process of the server was killed or failed, all sessions were ended and the server recovered ($crashes times since its container started): its log says which; often memory was short"
fi
