-- at each isolation level
-- G-single with a write that waits: between A's read and its delete, B changes and commits.
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
-- session A
DELETE FROM test WHERE value = 20;
-- session B
UPDATE test SET value = 18 WHERE id = 2;
-- session A
ROLLBACK;
-- session B
COMMIT;
SELECT * FROM test ORDER BY id;
