-- at each isolation level
-- A range is read twice; rows come, go and move meanwhile.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
SELECT * FROM test WHERE id BETWEEN 1 AND 10 ORDER BY id;
-- session B
INSERT INTO test VALUES (5, 50);
UPDATE test SET id = 11 WHERE id = 2;
DELETE FROM test WHERE id = 1;
COMMIT;
-- session A
SELECT * FROM test WHERE id BETWEEN 1 AND 10 ORDER BY id;
UPDATE test SET value = value + 1 WHERE id BETWEEN 1 AND 10;
COMMIT;
SELECT * FROM test ORDER BY id;
