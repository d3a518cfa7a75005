-- A deadlock: each waits for the row of the other; the one that closes the circle fails.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20), (3, 30);
-- session A
SET deadlock_timeout = '30s';
BEGIN;
UPDATE test SET value = 11 WHERE id = 1;
-- session B
SET deadlock_timeout = '30s';
BEGIN;
UPDATE test SET value = 22 WHERE id = 2;
-- session C
SET deadlock_timeout = '1ms';
BEGIN;
UPDATE test SET value = 33 WHERE id = 3;
-- session A
UPDATE test SET value = 21 WHERE id = 2;
-- session B
UPDATE test SET value = 32 WHERE id = 3;
-- session C
-- to its end
UPDATE test SET value = 13 WHERE id = 1;
-- session C
ROLLBACK;
-- session B
COMMIT;
-- session A
COMMIT;
SELECT * FROM test ORDER BY id;
-- Table locks and rows in one circle.
-- session A
BEGIN;
LOCK TABLE test IN SHARE ROW EXCLUSIVE MODE;
-- session C
BEGIN;
SELECT * FROM test WHERE id = 1 FOR UPDATE;
-- session A
UPDATE test SET value = 0 WHERE id = 1;
-- session C
-- to its end
UPDATE test SET value = 1 WHERE id = 2;
COMMIT;
-- session A
COMMIT;
-- Advisory locks deadlock as any others do.
BEGIN;
SELECT pg_advisory_xact_lock(1);
-- session C
BEGIN;
SELECT pg_advisory_xact_lock(2);
-- session A
SELECT pg_advisory_xact_lock(2);
-- session C
-- to its end
SELECT pg_advisory_xact_lock(1);
ROLLBACK;
-- session A
ROLLBACK;
