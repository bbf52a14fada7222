-- Run once, when the data is created. psql quotes the variables: :"x" as a name, :'x' as a literal.
CREATE ROLE :"user" LOGIN CREATEDB;
CREATE DATABASE :"name" OWNER :"user" TEMPLATE template0 ENCODING :'encoding' LC_COLLATE 'C' LC_CTYPE 'C';
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
-- lib.sh says what this is for.
CREATE DATABASE database_operator TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
REVOKE ALL ON DATABASE database_operator FROM PUBLIC;
