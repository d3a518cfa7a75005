-- at each isolation level
-- G-single by conditions: A's first condition is about rows that B changes.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
SELECT * FROM test WHERE value % 5 = 0;
-- session B
UPDATE test SET value = 12 WHERE value = 10;
COMMIT;
-- session A
SELECT * FROM test WHERE value % 3 = 0;
COMMIT;
