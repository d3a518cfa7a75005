-- at each isolation level
-- P4, lost update: both read the row, both write it; is the first write lost?
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
-- session A
UPDATE test SET value = 11 WHERE id = 1;
-- session B
UPDATE test SET value = 11 WHERE id = 1;
-- session A
COMMIT;
-- session B
COMMIT;
SELECT * FROM test ORDER BY id;
