-- Sets what properties.sql has read, by the user, for whatever the user and the database are called now. A statement that
-- fails is left out; a text that is no JSON is an error.
\set properties `printf %s "$DATABASE_PROPERTIES"`
\set ON_ERROR_STOP on
CREATE TEMPORARY TABLE properties AS SELECT :'properties'::json AS p;
\set ON_ERROR_STOP off
SELECT format('COMMENT ON DATABASE %I IS %L', current_database(), p->>'comment')
FROM properties WHERE p->>'comment' IS NOT NULL
UNION ALL
SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', current_database(), (p->>'limit')::int)
FROM properties WHERE (p->>'limit')::int <> -1
UNION ALL
SELECT format('GRANT %s ON DATABASE %I TO %s%s', CASE g->>'privilege' WHEN 'CREATE' THEN 'CREATE' WHEN 'CONNECT' THEN 'CONNECT' ELSE 'TEMPORARY' END,
  current_database(), COALESCE(quote_ident(g->>'role'), 'PUBLIC'), CASE WHEN (g->>'option')::bool THEN ' WITH GRANT OPTION' ELSE '' END)
FROM properties, json_array_elements(CASE json_typeof(p->'grants') WHEN 'array' THEN p->'grants' ELSE '[]' END) g
UNION ALL
SELECT format('ALTER %s SET %I TO %s',
  CASE
    WHEN (s->>'role')::bool AND (s->>'database')::bool THEN format('ROLE %I IN DATABASE %I', current_user, current_database())
    WHEN (s->>'role')::bool THEN format('ROLE %I', current_user)
    ELSE format('DATABASE %I', current_database())
  END, s->>'name',
  -- Lists of names are stored as they are written.
  CASE
    WHEN lower(s->>'name') IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
      AND s->>'value' <> '' THEN s->>'value'
    ELSE quote_literal(s->>'value')
  END)
FROM properties, json_array_elements(CASE json_typeof(p->'settings') WHEN 'array' THEN p->'settings' ELSE '[]' END) s
\gexec
