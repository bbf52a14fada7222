-- Makes the role that reads the server's statistics, where it is not there.
SELECT format('CREATE ROLE %I IN ROLE pg_monitor', :'user') WHERE to_regrole(:'user') IS NULL \gexec
