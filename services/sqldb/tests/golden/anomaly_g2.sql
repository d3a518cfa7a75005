-- at each isolation level
-- G2, write skew by conditions: both look for rows that aren't there, and each adds one.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
SELECT * FROM test WHERE value % 3 = 0;
-- session B
SELECT * FROM test WHERE value % 3 = 0;
-- session A
INSERT INTO test VALUES (3, 30);
-- session B
INSERT INTO test VALUES (4, 42);
-- session A
COMMIT;
-- session B
COMMIT;
SELECT * FROM test WHERE value % 3 = 0 ORDER BY id;
