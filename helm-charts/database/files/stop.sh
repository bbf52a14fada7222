# Asks for a fast shutdown, which ends the connections. The signal that follows would wait for the clients to leave.
pg_ctl -D "$PGDATA" -s -m fast -W stop || :
