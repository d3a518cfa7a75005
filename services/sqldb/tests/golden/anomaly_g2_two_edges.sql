-- at each isolation level
-- G2 with two anti-dependency edges (Fekete): a reader alone makes the history impossible.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
SELECT * FROM test ORDER BY id;
-- session B
UPDATE test SET value = value + 5 WHERE id = 2;
COMMIT;
-- session C
BEGIN;
SELECT * FROM test ORDER BY id;
COMMIT;
-- session A
UPDATE test SET value = 0 WHERE id = 1;
COMMIT;
