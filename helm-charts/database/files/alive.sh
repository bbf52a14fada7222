# Succeeds when a server answers, also while it starts or recovers (1): killing it then would only make it begin again.
. "${DATABASE_CONFIG_DIR:-/etc/database}/lib.sh"
pg_isready -q -h 127.0.0.1 -p "$port"
[ $? -lt 2 ]
