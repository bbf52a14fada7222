# Succeeds when a server answers, also while it starts or recovers (1): killing it then would only make it begin again.
. "${DATABASE_CONFIG_DIR:-/etc/database}/lib.sh"
# A login by the user is not tried: the name only keeps the server from logging a refusal each time.
pg_isready -q -h 127.0.0.1 -p "$port" -U "$DATABASE_USER" -d "$DATABASE_NAME"
[ $? -lt 2 ]
