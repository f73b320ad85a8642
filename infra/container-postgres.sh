#!/bin/sh
# Run by the PostgreSQL image when its data is new: the login and the database of the product, without more rights.
set -eu
# Read by psql itself: a command line is for everybody to see.
psql --quiet -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set password `cat /run/secrets/atum_database_password`
CREATE ROLE atum LOGIN NOSUPERUSER NOINHERIT PASSWORD :'password';
CREATE DATABASE atum OWNER atum;
SQL
psql --quiet -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres -f /opt/atum-desk/prepare.sql
