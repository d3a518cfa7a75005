-- What a table refuses, and with which words.
CREATE TABLE t (id int PRIMARY KEY, email text UNIQUE, age int CHECK (age >= 0), name varchar(5) NOT NULL, lo int, hi int, CONSTRAINT ordered CHECK (lo < hi), UNIQUE (lo, hi));
INSERT INTO t VALUES (1, 'a@x', 5, 'ada', 1, 2);
INSERT INTO t VALUES (1, 'b@x', 5, 'bob', 1, 3);
INSERT INTO t VALUES (2, 'a@x', 5, 'bob', 1, 3);
INSERT INTO t VALUES (2, 'b@x', -1, 'bob', 1, 3);
INSERT INTO t VALUES (2, 'b@x', 1, NULL, 1, 3);
INSERT INTO t VALUES (2, 'b@x', 1, 'robert', 1, 3);
INSERT INTO t VALUES (2, 'b@x', 1, 'bob', 3, 3);
INSERT INTO t VALUES (2, 'b@x', 1, 'bob', 1, 2);
INSERT INTO t (email) VALUES ('c@x');
INSERT INTO t VALUES (2, NULL, NULL, 'bob', 1, NULL), (3, NULL, NULL, 'eve', 1, NULL);
UPDATE t SET id = 2 WHERE id = 1;
UPDATE t SET name = NULL;
UPDATE t SET hi = 0 WHERE id = 1;
SELECT * FROM t ORDER BY id;
-- Added later, dropped, not yet valid.
ALTER TABLE t ADD CONSTRAINT adult CHECK (age > 17);
ALTER TABLE t ADD CONSTRAINT adult CHECK (age > 17) NOT VALID;
INSERT INTO t VALUES (9, NULL, 10, 'kid', 1, NULL);
ALTER TABLE t VALIDATE CONSTRAINT adult;
ALTER TABLE t DROP CONSTRAINT adult;
ALTER TABLE t DROP CONSTRAINT adult;
ALTER TABLE t DROP CONSTRAINT IF EXISTS adult;
ALTER TABLE t ALTER email SET NOT NULL;
ALTER TABLE t ALTER name DROP NOT NULL;
INSERT INTO t (id) VALUES (10);
-- not here: NULLs are found before the second key
ALTER TABLE t ADD PRIMARY KEY (name);
CREATE UNIQUE INDEX once ON t (lo);
CREATE UNIQUE INDEX partly ON t (lo) WHERE id < 2;
ALTER TABLE t ADD CONSTRAINT by_index UNIQUE USING INDEX partly;
-- Deferrable ones wait for the end of the transaction.
CREATE TABLE d (id int PRIMARY KEY DEFERRABLE INITIALLY IMMEDIATE, n int UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO d VALUES (1, 1), (2, 2);
UPDATE d SET id = id + 1;
UPDATE d SET n = n + 1;
BEGIN;
INSERT INTO d VALUES (10, 2);
SELECT * FROM d ORDER BY id;
COMMIT;
BEGIN;
INSERT INTO d VALUES (10, 2);
UPDATE d SET n = 20 WHERE id = 10;
SET CONSTRAINTS ALL IMMEDIATE;
COMMIT;
BEGIN;
SET CONSTRAINTS d_pkey DEFERRED;
INSERT INTO d VALUES (10, 30);
SET CONSTRAINTS d_pkey IMMEDIATE;
ROLLBACK;
-- not here: the error does not name the constraint
INSERT INTO d VALUES (10, 40) ON CONFLICT (id) DO NOTHING;
SET CONSTRAINTS nothing DEFERRED;
SELECT * FROM d ORDER BY id;
-- NULLS NOT DISTINCT.
CREATE TABLE nd (a int, UNIQUE NULLS NOT DISTINCT (a));
INSERT INTO nd VALUES (NULL);
INSERT INTO nd VALUES (NULL);
-- Definitions that are wrong.
CREATE TABLE w (a int PRIMARY KEY, b int PRIMARY KEY);
CREATE TABLE w (a int, a int);
CREATE TABLE w (a int CHECK (b > 1));
CREATE TABLE w (a int CHECK (sum(a) > 1));
-- not here: the words differ
CREATE TABLE w (a int CHECK (a));
CREATE TABLE w (a int, PRIMARY KEY (b));
CREATE TABLE w (a nothing);
CREATE TABLE w (a int DEFAULT 'x');
CREATE TABLE w (a int DEFAULT b);
CREATE TABLE t (a int);
CREATE TABLE IF NOT EXISTS t (a int);
