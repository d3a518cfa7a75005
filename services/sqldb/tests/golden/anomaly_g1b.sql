-- at each isolation level
-- G1b, intermediate reads: B must not see a value that A writes over before it commits.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
UPDATE test SET value = 101 WHERE id = 1;
-- session B
SELECT * FROM test ORDER BY id;
-- session A
UPDATE test SET value = 11 WHERE id = 1;
COMMIT;
-- session B
SELECT * FROM test ORDER BY id;
COMMIT;
