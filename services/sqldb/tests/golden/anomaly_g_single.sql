-- at each isolation level
-- G-single, read skew: A reads one row before B's changes, and the other after them.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
SELECT * FROM test WHERE id = 1;
-- session B
SELECT * FROM test WHERE id = 1;
SELECT * FROM test WHERE id = 2;
UPDATE test SET value = 12 WHERE id = 1;
UPDATE test SET value = 18 WHERE id = 2;
COMMIT;
-- session A
SELECT * FROM test WHERE id = 2;
COMMIT;
