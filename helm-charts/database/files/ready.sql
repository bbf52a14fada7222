-- Three lines: why nobody can log in as the user, or nothing; what changes with the user's password; when the server
-- began, and when its checkpointer did, which begins again when a crash ended all of its processes.
--
-- It is run by the superuser in the database that users have no access to. It takes none of the connections that the
-- application can use up.
SELECT CASE
  WHEN r.rolname IS NULL THEN
    format('RoleMissing: role %I does not exist: create it again as the superuser', :'user')
  WHEN NOT r.rolcanlogin THEN
    format('LoginDisabled: role %I has NOLOGIN: ALTER ROLE %1$I LOGIN as the superuser', :'user')
  WHEN r.rolvaliduntil < now() THEN
    format('LoginDisabled: the password of role %I was valid until %s: ALTER ROLE %1$I VALID UNTIL ''infinity'' as the superuser',
      :'user', r.rolvaliduntil)
  WHEN r.rolconnlimit = 0 THEN
    format('ConnectionLimit: role %I may have no connection: ALTER ROLE %1$I CONNECTION LIMIT -1 as the superuser', :'user')
  WHEN d.datname IS NULL THEN
    format('DatabaseMissing: database %I does not exist: CREATE DATABASE %1$I as role %I in database postgres, or restore a backup into a new Database',
      :'name', :'user')
  WHEN d.datconnlimit = -2 THEN
    format('DatabaseMissing: the removal of database %I was cut short: DROP DATABASE %1$I, then CREATE DATABASE %1$I, as role %I in database postgres',
      :'name', :'user')
  WHEN NOT d.datallowconn THEN
    format('ConnectionLimit: database %I takes no connection: ALTER DATABASE %1$I ALLOW_CONNECTIONS true as the superuser', :'name')
  WHEN d.datconnlimit = 0 AND NOT r.rolsuper THEN
    format('ConnectionLimit: database %I may have no connection: ALTER DATABASE %1$I CONNECTION LIMIT -1 in database postgres', :'name')
  WHEN NOT has_database_privilege(r.oid, d.oid, 'CONNECT') THEN
    format('LoginDisabled: role %I may not connect to database %I: GRANT CONNECT ON DATABASE %2$I TO %1$I', :'user', :'name')
  WHEN pg_encoding_to_char(d.encoding) <> :'encoding' THEN
    format('EncodingDiffers: the encoding of database %I is %s, not %s: create it again with ENCODING %3$L TEMPLATE template0',
      :'name', pg_encoding_to_char(d.encoding), :'encoding')
END
FROM (SELECT) AS one
LEFT JOIN pg_authid r ON r.rolname = :'user'
LEFT JOIN pg_database d ON d.datname = :'name';

SELECT md5(max(rolpassword)) FROM pg_authid WHERE rolname = :'user';

SELECT extract(epoch FROM pg_postmaster_start_time()), extract(epoch FROM max(backend_start))
FROM pg_stat_activity WHERE backend_type = 'checkpointer';
