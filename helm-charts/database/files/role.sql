-- Lets the user drop and create the database again, as the reset commands of frameworks do. Older volumes lack it.
ALTER ROLE :"user" CREATEDB;
