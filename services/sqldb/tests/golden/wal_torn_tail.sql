-- only here: PostgreSQL's log is another one
-- A kill -9 leaves a log whose last record is not whole: that transaction has never been, the
-- others are all there, and the log goes on behind them.
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'first'), (2, 'first');
BEGIN;
UPDATE t SET v = 'second' WHERE id = 1;
INSERT INTO t VALUES (3, 'second');
COMMIT;
BEGIN;
UPDATE t SET v = 'third' WHERE id = 2;
DELETE FROM t WHERE id = 3;
CREATE TABLE of_the_third (a int);
COMMIT;
-- session B
BEGIN;
INSERT INTO t VALUES (4, 'never committed');
-- server: kill
-- server: cut 3 bytes off the log
-- server: start
-- session A
SELECT * FROM t ORDER BY id;
SELECT * FROM of_the_third;
INSERT INTO t VALUES (5, 'after the crash');
-- server: kill
-- server: start
-- session A
SELECT * FROM t ORDER BY id;
