-- at each isolation level
-- G-single with a write: A deletes by a condition on rows that B has changed.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
SELECT * FROM test WHERE id = 1;
-- session B
SELECT * FROM test ORDER BY id;
UPDATE test SET value = 12 WHERE id = 1;
UPDATE test SET value = 18 WHERE id = 2;
COMMIT;
-- session A
DELETE FROM test WHERE value = 20;
ROLLBACK;
SELECT * FROM test ORDER BY id;
