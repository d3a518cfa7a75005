-- at each isolation level
-- Write skew as the books tell it: at least one doctor must stay on call.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
SELECT count(*) FROM test WHERE value > 0;
-- session B
SELECT count(*) FROM test WHERE value > 0;
-- session A
UPDATE test SET value = 0 WHERE id = 1;
COMMIT;
-- session B
UPDATE test SET value = 0 WHERE id = 2;
COMMIT;
SELECT count(*) FROM test WHERE value > 0;
