-- Schemas, and the path on which a name is looked for.
CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE TABLE one.t (a int);
CREATE TABLE two.t (a text);
INSERT INTO one.t VALUES (1);
INSERT INTO two.t VALUES ('two');
SELECT * FROM t;
SET search_path = one, two;
SELECT * FROM t;
SELECT current_schema(), current_schemas(false);
CREATE TABLE made_here (a int);
SELECT schemaname FROM pg_tables WHERE tablename = 'made_here';
SET search_path = two, one, public;
SELECT * FROM t;
SELECT one.t.a, two.t.a FROM one.t, two.t;
SELECT t.a FROM one.t;
SELECT 't'::regclass, 'one.t'::regclass;
CREATE TEMP TABLE t (a date);
SELECT * FROM t;
SELECT * FROM pg_temp.t;
SET search_path = one, pg_temp;
SELECT * FROM t;
DROP TABLE pg_temp.t;
RESET search_path;
CREATE VIEW one.v AS SELECT * FROM two.t;
CREATE TYPE one.kind AS ENUM ('k');
SELECT 'k'::one.kind;
SELECT 'k'::kind;
ALTER TABLE one.t SET SCHEMA public;
SELECT * FROM t;
SET LOCAL search_path = one;
BEGIN;
SET LOCAL search_path = two;
SELECT * FROM t;
COMMIT;
SHOW search_path;
-- What is wrong.
CREATE SCHEMA one;
CREATE SCHEMA IF NOT EXISTS one;
CREATE SCHEMA pg_mine;
SELECT * FROM nothing.t;
SELECT one.nothing(1);
CREATE TABLE nothing.t (a int);
-- not here: a database in front of a name is not looked at
SELECT other.public.t.a FROM t;
-- not here: views are named without their schema
DROP SCHEMA two;
-- not here: another order
DROP SCHEMA one, two CASCADE;
DROP SCHEMA one;
DROP SCHEMA IF EXISTS one;
SET search_path = gone;
-- not here: the position is missing
CREATE TABLE nowhere (a int);
