-- at each isolation level
-- OTV, observed transaction vanishes: C must not see A's writes and then lose sight of them.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session C
BEGIN;
-- session A
UPDATE test SET value = 11 WHERE id = 1;
UPDATE test SET value = 19 WHERE id = 2;
-- session B
UPDATE test SET value = 12 WHERE id = 1;
-- session A
COMMIT;
-- session C
SELECT * FROM test ORDER BY id;
-- session B
UPDATE test SET value = 18 WHERE id = 2;
-- session C
SELECT * FROM test ORDER BY id;
-- session B
COMMIT;
-- session C
SELECT * FROM test ORDER BY id;
COMMIT;
