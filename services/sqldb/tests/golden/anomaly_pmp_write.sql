-- at each isolation level
-- PMP for writes: what does a DELETE do with rows that change while it waits?
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
UPDATE test SET value = value + 10;
-- session B
SELECT * FROM test WHERE value = 20;
DELETE FROM test WHERE value = 20;
-- session A
COMMIT;
-- session B
SELECT * FROM test WHERE value = 20;
COMMIT;
SELECT * FROM test ORDER BY id;
