-- What belongs to the database or the user, and is in no dump of pg_dump.
SELECT json_build_object(
  'comment', shobj_description(d.oid, 'pg_database'),
  'limit', d.datconnlimit,
  'grants', (
    SELECT json_agg(json_build_object(
      'role', CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END,
      'privilege', a.privilege_type, 'option', a.is_grantable))
    FROM aclexplode(COALESCE(d.datacl, acldefault('d', d.datdba))) a WHERE a.grantee <> d.datdba),
  'settings', (
    SELECT json_agg(json_build_object(
      'role', s.setrole <> 0, 'database', s.setdatabase <> 0,
      'name', split_part(c, '=', 1), 'value', substr(c, strpos(c, '=') + 1)))
    FROM pg_db_role_setting s, unnest(s.setconfig) c
    WHERE s.setdatabase IN (0, d.oid) AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user))
      AND (s.setdatabase <> 0 OR s.setrole <> 0)))
FROM pg_database d WHERE d.datname = current_database();
