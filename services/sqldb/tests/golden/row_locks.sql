-- FOR UPDATE and its three weaker kinds: who waits for whom.
CREATE TABLE job (id int PRIMARY KEY, name text, done boolean DEFAULT false);
CREATE TABLE note (id int PRIMARY KEY, job int REFERENCES job);
INSERT INTO job SELECT n, 'job ' || n FROM generate_series(1, 5) n;
-- session A
BEGIN;
SELECT id FROM job WHERE id = 1 FOR KEY SHARE;
-- session B
BEGIN;
SELECT id FROM job WHERE id = 1 FOR KEY SHARE;
SELECT id FROM job WHERE id = 1 FOR SHARE;
SELECT id FROM job WHERE id = 1 FOR NO KEY UPDATE;
SELECT id FROM job WHERE id = 1 FOR UPDATE;
-- session A
COMMIT;
-- session B
COMMIT;
-- Shares do not hinder each other, but an update waits for them.
-- session A
BEGIN;
SELECT id FROM job WHERE id = 2 FOR SHARE;
-- session B
BEGIN;
SELECT id FROM job WHERE id = 2 FOR SHARE;
-- session C
UPDATE job SET done = true WHERE id = 2;
-- session A
COMMIT;
-- session B
COMMIT;
-- A change of a column that is no key goes on beside a foreign key's look at the row.
-- session A
BEGIN;
INSERT INTO note VALUES (1, 3);
-- session B
UPDATE job SET name = 'third' WHERE id = 3;
DELETE FROM job WHERE id = 3;
-- session A
COMMIT;
-- NOWAIT fails at once, SKIP LOCKED passes over: a queue for several workers.
BEGIN;
SELECT id FROM job WHERE NOT done ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED;
-- session B
BEGIN;
SELECT id FROM job WHERE NOT done ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED;
SELECT id FROM job WHERE id = 1 FOR UPDATE NOWAIT;
ROLLBACK;
SELECT id FROM job WHERE id = 1 FOR KEY SHARE NOWAIT;
BEGIN;
SET LOCAL lock_timeout = '5ms';
-- to its end
UPDATE job SET done = true WHERE id = 1;
ROLLBACK;
-- session A
COMMIT;
-- Who waited looks at the row again, as it is now.
BEGIN;
UPDATE job SET id = 50, name = 'moved' WHERE id = 5;
-- session B
SELECT * FROM job WHERE id = 5 FOR UPDATE;
-- session C
SELECT * FROM job WHERE name LIKE 'job%' ORDER BY id FOR UPDATE;
-- session A
COMMIT;
-- OF names which of the tables; views, groups and unions cannot be locked.
SELECT j.id, n.id FROM job j JOIN note n ON n.job = j.id FOR UPDATE OF n;
SELECT j.id FROM job j FOR UPDATE OF x;
SELECT count(*) FROM job FOR UPDATE;
SELECT DISTINCT id FROM job FOR UPDATE;
SELECT id FROM job UNION SELECT 1 FOR UPDATE;
SELECT j.id FROM job j LEFT JOIN note n ON n.job = j.id FOR UPDATE;
-- A lock that a savepoint took goes with it.
BEGIN;
SAVEPOINT s;
SELECT id FROM job WHERE id = 1 FOR UPDATE;
ROLLBACK TO s;
-- session B
SELECT id FROM job WHERE id = 1 FOR UPDATE NOWAIT;
-- session A
COMMIT;
