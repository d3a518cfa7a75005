-- at each isolation level
-- Both insert the same key; then the first one goes back, or commits.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
INSERT INTO test VALUES (3, 30);
-- session B
INSERT INTO test VALUES (3, 31);
-- session A
ROLLBACK;
-- session B
COMMIT;
-- session A
BEGIN;
INSERT INTO test VALUES (4, 40);
-- session B
BEGIN;
INSERT INTO test VALUES (4, 41) ON CONFLICT (id) DO UPDATE SET value = test.value + excluded.value;
-- session A
COMMIT;
-- session B
SELECT * FROM test ORDER BY id;
COMMIT;
-- session A
SELECT * FROM test ORDER BY id;
