-- What an administrator runs once where the product's login may not create roles or extensions.
-- usage: psql -v ON_ERROR_STOP=1 -f prepare.sql   (the login is atum, the database atum; both exist)
CREATE ROLE atum_owner NOLOGIN;
CREATE ROLE atum_app NOLOGIN;
CREATE ROLE atum_worker NOLOGIN;
CREATE ROLE atum_search NOLOGIN;
GRANT atum_search TO atum_owner;
GRANT atum_owner, atum_app, atum_worker, atum_search TO atum;
GRANT pg_read_all_stats TO atum_worker;
\connect atum
CREATE EXTENSION IF NOT EXISTS vector;
GRANT CREATE, USAGE ON SCHEMA public TO atum_owner;
GRANT USAGE ON SCHEMA public TO atum_app, atum_worker, atum_search;
GRANT CREATE ON SCHEMA public TO atum_search;
