-- Definitions belong to the transaction as rows do.
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'a'), (2, 'b');
-- session A
BEGIN;
ALTER TABLE t ADD w int DEFAULT 7;
ALTER TABLE t RENAME v TO vv;
CREATE INDEX t_w ON t (w);
CREATE TABLE other (x int REFERENCES t);
INSERT INTO other VALUES (1);
SELECT * FROM t ORDER BY id;
-- session B
SELECT count(*) FROM pg_tables WHERE tablename = 'other';
SELECT * FROM other;
SELECT * FROM t ORDER BY id;
-- session A
ROLLBACK;
SELECT * FROM t ORDER BY id;
SELECT * FROM other;
BEGIN;
DROP TABLE t;
SELECT * FROM t;
ROLLBACK;
SELECT count(*) FROM t;
BEGIN;
TRUNCATE t;
SELECT count(*) FROM t;
INSERT INTO t VALUES (9, 'z');
ROLLBACK;
SELECT * FROM t ORDER BY id;
BEGIN;
SAVEPOINT s;
DROP TABLE t;
CREATE TABLE t (other int);
ROLLBACK TO s;
ALTER TABLE t ALTER id TYPE bigint;
COMMIT;
SELECT pg_typeof(id) FROM t LIMIT 1;
-- The other session has a prepared plan of the old definition.
-- session B
PREPARE q AS SELECT * FROM t ORDER BY id;
EXECUTE q;
-- session A
ALTER TABLE t DROP v;
-- session B
EXECUTE q;
DEALLOCATE q;
-- Both make the same name.
-- session A
BEGIN;
CREATE TABLE same (a int);
-- session B
CREATE TABLE same (b int);
-- session A
ROLLBACK;
-- session B
SELECT * FROM same;
-- Each kind of ALTER TABLE leaves rows and indexes in order.
CREATE TABLE big (id int PRIMARY KEY, n text, d numeric(5, 2));
INSERT INTO big SELECT g, g::text, g / 3.0 FROM generate_series(1, 100) g;
ALTER TABLE big ALTER n TYPE int USING n::int + 1, ADD UNIQUE (n), ALTER d SET DEFAULT 1, ADD e text NOT NULL DEFAULT 'e';
SELECT * FROM big WHERE n = 51;
ALTER TABLE big ALTER d TYPE numeric(5, 1), DROP COLUMN e, RENAME CONSTRAINT big_pkey TO big_key;
ALTER TABLE big RENAME CONSTRAINT big_pkey TO big_key;
ALTER TABLE big ALTER d TYPE numeric(5, 1), DROP COLUMN e;
INSERT INTO big (id, n) VALUES (500, 7);
INSERT INTO big (id, n) VALUES (500, 1000) RETURNING *;
ALTER TABLE big ALTER n TYPE date;
ALTER TABLE big ALTER d TYPE text USING d || '!';
SELECT d FROM big WHERE id = 500;
ALTER TABLE big DROP COLUMN id;
INSERT INTO big VALUES (2000, 'x') RETURNING *;
ALTER TABLE big ADD COLUMN n int;
ALTER TABLE big ADD COLUMN IF NOT EXISTS n int;
ALTER TABLE big DROP COLUMN nothing;
ALTER TABLE big DROP COLUMN IF EXISTS nothing;
ALTER TABLE nothing ADD a int;
ALTER TABLE IF EXISTS nothing ADD a int;
ALTER TABLE big RENAME TO bigger;
SELECT count(*) FROM bigger;
