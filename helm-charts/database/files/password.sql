-- Makes the password of the role what the environment says. The server stores only a SCRAM verifier of it.
\getenv password DATABASE_PASSWORD
SET password_encryption = 'scram-sha-256';
ALTER ROLE :"user" LOGIN PASSWORD :'password';
