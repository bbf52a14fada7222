-- Creates an extension, unless it is one that the user may create: then it is the user's own.
SELECT format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I', :'extension', :'schema')
WHERE NOT EXISTS (
  SELECT FROM pg_available_extension_versions v
  JOIN pg_available_extensions e ON e.name = v.name AND e.default_version = v.version
  WHERE v.name = :'extension' AND (v.trusted OR NOT v.superuser)
) \gexec
