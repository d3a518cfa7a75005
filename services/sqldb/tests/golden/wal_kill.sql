-- only here: PostgreSQL comes back from a kill -9 as well, but the test has not started it
-- What was committed is there after a kill -9: rows, definitions, sequences; prepared by nothing.
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE t (id serial PRIMARY KEY, m mood DEFAULT 'ok', v numeric(6, 2), a int[], j jsonb);
CREATE INDEX t_v ON t (v DESC) WHERE v > 1;
CREATE VIEW big AS SELECT id, v FROM t WHERE v > 2;
INSERT INTO t (v, a, j) VALUES (1.5, '{1,NULL}', '{"x": 1}'), (2.25, NULL, 'null'), ('NaN', '{}', NULL);
UPDATE t SET v = v * 2 WHERE id = 2;
SELECT nextval('t_id_seq');
CHECKPOINT;
DELETE FROM t WHERE id = 1;
ALTER TABLE t ADD COLUMN added text DEFAULT 'new';
CREATE TABLE child (t int REFERENCES t ON DELETE CASCADE);
INSERT INTO child VALUES (2), (3);
BEGIN;
DROP TABLE child;
DELETE FROM t;
-- server: kill
-- server: start
-- session A
SELECT * FROM t ORDER BY id;
SELECT * FROM big ORDER BY id;
SELECT * FROM child ORDER BY 1;
INSERT INTO t (m) VALUES ('sad') RETURNING *;
INSERT INTO t (id) VALUES (2);
DELETE FROM t WHERE id = 2;
SELECT * FROM child;
