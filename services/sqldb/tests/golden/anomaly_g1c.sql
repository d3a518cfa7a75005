-- at each isolation level
-- G1c, circular information flow: of two transactions, only one may see what the other did.
CREATE TABLE test (id int PRIMARY KEY, value int);
INSERT INTO test VALUES (1, 10), (2, 20);
-- session A
BEGIN;
-- session B
BEGIN;
-- session A
UPDATE test SET value = 11 WHERE id = 1;
-- session B
UPDATE test SET value = 22 WHERE id = 2;
-- session A
SELECT * FROM test WHERE id = 2;
-- session B
SELECT * FROM test WHERE id = 1;
-- session A
COMMIT;
-- session B
COMMIT;
SELECT * FROM test ORDER BY id;
