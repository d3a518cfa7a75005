-- at each isolation level
-- PMP, predicate-many-preceders: does a condition find what others add meanwhile?
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
SELECT * FROM test WHERE value = 30;
-- session B
INSERT INTO test VALUES (3, 30);
COMMIT;
-- session A
SELECT * FROM test WHERE value % 3 = 0;
COMMIT;
