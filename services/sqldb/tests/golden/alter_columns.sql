-- What leans on a column, when it goes, gets another type or another name.
CREATE TABLE a (id int PRIMARY KEY, n text DEFAULT '7', g text GENERATED ALWAYS AS (n || '!') STORED, c int CHECK (c > 0), d timestamptz DEFAULT '2020-01-01', b bool DEFAULT true);
CREATE TABLE r (id int REFERENCES a);
INSERT INTO a (id, c) VALUES (1, 5);
INSERT INTO r VALUES (1);
ALTER TABLE a ALTER n TYPE int USING n::int;
ALTER TABLE a ALTER n TYPE varchar(10);
ALTER TABLE a ALTER c TYPE text;
ALTER TABLE a ALTER c TYPE int USING c - 9;
ALTER TABLE a ALTER c TYPE bigint;
ALTER TABLE a ALTER b TYPE int USING b::int;
ALTER TABLE a ALTER d TYPE text;
INSERT INTO a (id, c) VALUES (2, -1);
INSERT INTO a (id, c) VALUES (3, 3) RETURNING *;
ALTER TABLE a ALTER id TYPE text;
ALTER TABLE r ALTER id TYPE text;
ALTER TABLE r ALTER id TYPE int USING id + 50;
ALTER TABLE r ALTER id TYPE bigint;
ALTER TABLE a ALTER id TYPE bigint;
INSERT INTO r VALUES (3), (77);
DELETE FROM a WHERE id = 1;
-- Indexes by an expression or a predicate go with the column.
CREATE TABLE k (a int UNIQUE, b text, c int);
CREATE INDEX k_upper ON k (upper(b));
CREATE INDEX k_some ON k (a) WHERE b > 'a';
CREATE INDEX k_more ON k (c) INCLUDE (b);
CREATE INDEX k_other ON k (c) WHERE a > 1;
INSERT INTO k VALUES (11, 'x', 1);
ALTER TABLE k DROP b;
SELECT * FROM k;
SELECT indexname FROM pg_indexes WHERE tablename = 'k' ORDER BY 1;
ALTER TABLE k RENAME a TO "A b";
INSERT INTO k VALUES (11);
ALTER TABLE k DROP "A b";
INSERT INTO k VALUES (12);
SELECT * FROM k ORDER BY c;
-- So do generated columns.
CREATE TABLE t (a int, b int, c int GENERATED ALWAYS AS (a * 2) STORED, CHECK (a + b < 10));
ALTER TABLE t RENAME a TO aa;
INSERT INTO t VALUES (1, 2) RETURNING *;
ALTER TABLE t DROP aa;
CREATE VIEW v AS SELECT c FROM t;
ALTER TABLE t DROP aa CASCADE;
SELECT * FROM v;
INSERT INTO t VALUES (100) RETURNING *;
-- And keys that refer to it.
CREATE TABLE parent (a int PRIMARY KEY, b int UNIQUE, up int REFERENCES parent (b));
CREATE TABLE child (a int REFERENCES parent, b int);
ALTER TABLE parent DROP a;
ALTER TABLE parent DROP b;
ALTER TABLE parent DROP a CASCADE;
ALTER TABLE parent DROP up, DROP b;
INSERT INTO child VALUES (5);
-- An index of a constraint has the name of the constraint.
CREATE TABLE named (id int CONSTRAINT first PRIMARY KEY);
ALTER INDEX first RENAME TO second;
INSERT INTO named VALUES (1), (1);
SELECT conname FROM pg_constraint WHERE conrelid = 'named'::regclass;
ALTER TABLE named DROP CONSTRAINT second;
INSERT INTO named VALUES (1), (1);
-- LIKE brings defaults and identities that work.
CREATE TABLE source (s serial, i int GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT BY 5), u int UNIQUE, w int);
CREATE UNIQUE INDEX source_w ON source (u) INCLUDE (w);
INSERT INTO source DEFAULT VALUES;
CREATE TABLE same (x int, LIKE source INCLUDING ALL);
INSERT INTO same (u) VALUES (1), (2) RETURNING *;
INSERT INTO same (u) VALUES (2);
INSERT INTO same (i) VALUES (3);
CREATE TABLE plain (LIKE source);
INSERT INTO plain (s) VALUES (1);
-- What pg_dump writes behind each function.
CREATE FUNCTION twice(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql AS 'SELECT $1 * $2';
ALTER FUNCTION twice(integer, b integer) OWNER TO postgres;
ALTER FUNCTION twice(text) OWNER TO postgres;
ALTER SCHEMA public OWNER TO postgres;
-- Where a row stands.
CREATE TABLE placed (a int);
INSERT INTO placed VALUES (7), (8);
SELECT ctid FROM placed WHERE a = 8;
SELECT a FROM placed WHERE ctid = '(0,1)';
-- Types as information_schema names them.
CREATE TABLE kinds (a char(3), b varchar, c numeric(4, 1), d timestamptz, e text[]);
SELECT column_name, data_type::text FROM information_schema.columns WHERE table_name = 'kinds' ORDER BY ordinal_position;
