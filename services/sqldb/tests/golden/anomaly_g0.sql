-- at each isolation level
-- G0, dirty writes: two transactions write the same rows; the writes must not interleave.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
UPDATE test SET value = 11 WHERE id = 1;
-- session B
UPDATE test SET value = 12 WHERE id = 1;
-- session A
UPDATE test SET value = 21 WHERE id = 2;
COMMIT;
SELECT * FROM test ORDER BY id;
-- session B
UPDATE test SET value = 22 WHERE id = 2;
COMMIT;
-- session A
SELECT * FROM test ORDER BY id;
