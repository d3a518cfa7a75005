-- The eight modes of LOCK TABLE, and what each statement takes by itself.
CREATE TABLE t (a int PRIMARY KEY);
INSERT INTO t VALUES (1);
-- session A
BEGIN;
LOCK TABLE t IN ACCESS SHARE MODE;
-- session B
BEGIN;
LOCK TABLE t IN ACCESS EXCLUSIVE MODE NOWAIT;
ROLLBACK;
BEGIN;
LOCK TABLE t IN EXCLUSIVE MODE NOWAIT;
ROLLBACK;
-- session A
ROLLBACK;
BEGIN;
INSERT INTO t VALUES (2);
SELECT relation::regclass, mode, granted FROM pg_locks
WHERE pid = pg_backend_pid() AND relation = 't'::regclass ORDER BY 1, 2;
-- session B
BEGIN;
LOCK t IN ROW EXCLUSIVE MODE NOWAIT;
LOCK t IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
LOCK t IN SHARE MODE NOWAIT;
ROLLBACK;
CREATE INDEX ON t (a);
-- session A
COMMIT;
-- Who asks for a strong lock stands before those who come later.
BEGIN;
SELECT * FROM t ORDER BY a;
-- session B
ALTER TABLE t ADD b int DEFAULT 7;
-- session C
SELECT * FROM t ORDER BY a;
-- session A
COMMIT;
-- session B
SET lock_timeout = '5ms';
-- session A
BEGIN;
LOCK t;
-- session B
-- to its end
SELECT * FROM t;
RESET lock_timeout;
SET statement_timeout = '5ms';
-- to its end
SELECT * FROM t;
RESET statement_timeout;
LOCK t;
BEGIN;
LOCK nothing;
ROLLBACK;
-- session A
DROP TABLE t;
-- session B
SELECT * FROM t;
-- session A
COMMIT;
-- Advisory locks: of the session, of the transaction, shared.
SELECT pg_advisory_lock(7), pg_try_advisory_lock(7);
-- session B
SELECT pg_try_advisory_lock(7), pg_try_advisory_lock_shared(7), pg_try_advisory_lock(7, 7);
SELECT pg_advisory_lock(7);
-- session A
SELECT pg_advisory_unlock(7);
SELECT pg_advisory_unlock(7);
SELECT pg_advisory_unlock(7);
-- session B
SELECT pg_advisory_unlock_all();
