-- at each isolation level
-- G1a, aborted reads: B must not see what A takes back.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
UPDATE test SET value = 101 WHERE id = 1;
-- session B
SELECT * FROM test ORDER BY id;
-- session A
ROLLBACK;
-- session B
SELECT * FROM test ORDER BY id;
COMMIT;
