-- at each isolation level
-- G2-item, write skew: both read both rows, each writes another one.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
SELECT * FROM test WHERE id IN (1, 2) ORDER BY id;
-- session B
SELECT * FROM test WHERE id IN (1, 2) ORDER BY id;
-- session A
UPDATE test SET value = 11 WHERE id = 1;
-- session B
UPDATE test SET value = 21 WHERE id = 2;
-- session A
COMMIT;
-- session B
COMMIT;
SELECT * FROM test ORDER BY id;
