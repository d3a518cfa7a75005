-- Foreign keys, with each action on each side.
CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE);
CREATE TABLE plain (id int, p int REFERENCES parent);
CREATE TABLE cascading (id int, p int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE nulling (id int, p int REFERENCES parent ON DELETE SET NULL ON UPDATE SET NULL);
CREATE TABLE defaulting (id int, p int DEFAULT 1 REFERENCES parent ON DELETE SET DEFAULT ON UPDATE SET DEFAULT);
CREATE TABLE restricting (id int, p text REFERENCES parent (code) ON DELETE RESTRICT ON UPDATE RESTRICT);
INSERT INTO parent SELECT n, chr(96 + n) FROM generate_series(1, 9) n;
INSERT INTO plain VALUES (1, 2), (2, NULL);
INSERT INTO plain VALUES (3, 99);
UPDATE plain SET p = 77 WHERE id = 1;
DELETE FROM parent WHERE id = 2;
UPDATE parent SET id = 20 WHERE id = 2;
UPDATE parent SET code = 'bb' WHERE id = 2;
INSERT INTO cascading VALUES (1, 3), (2, 3), (3, 4);
UPDATE parent SET id = 30 WHERE id = 3;
SELECT * FROM cascading ORDER BY id;
DELETE FROM parent WHERE id = 30;
SELECT * FROM cascading ORDER BY id;
INSERT INTO nulling VALUES (1, 5), (2, 6);
DELETE FROM parent WHERE id = 5;
UPDATE parent SET id = 60 WHERE id = 6;
SELECT * FROM nulling ORDER BY id;
INSERT INTO defaulting VALUES (1, 7), (2, 8);
DELETE FROM parent WHERE id = 7;
UPDATE parent SET id = 80 WHERE id = 8;
SELECT * FROM defaulting ORDER BY id;
DELETE FROM parent WHERE id = 1;
INSERT INTO restricting VALUES (1, 'i');
DELETE FROM parent WHERE id = 9;
UPDATE parent SET code = 'ii' WHERE id = 9;
UPDATE parent SET id = 90 WHERE id = 9;
-- A tree that holds itself; several columns; MATCH FULL; only some columns to NULL.
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree ON DELETE CASCADE);
INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, 2), (5, 1);
DELETE FROM tree WHERE id = 2;
SELECT * FROM tree ORDER BY id;
INSERT INTO tree VALUES (10, 11), (11, 10);
CREATE TABLE pair (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE full_pair (a int, b int, FOREIGN KEY (a, b) REFERENCES pair MATCH FULL);
CREATE TABLE half_pair (id int, a int, b int, FOREIGN KEY (a, b) REFERENCES pair ON DELETE SET NULL (b));
INSERT INTO pair VALUES (1, 2), (3, 4);
INSERT INTO full_pair VALUES (1, NULL);
INSERT INTO full_pair VALUES (NULL, NULL), (1, 2);
INSERT INTO half_pair VALUES (1, 3, 4), (2, 9, NULL);
DELETE FROM pair WHERE a = 3;
SELECT * FROM half_pair ORDER BY id;
-- Deferred: only the end of the transaction looks.
CREATE TABLE egg (id int PRIMARY KEY, hen int);
CREATE TABLE hen (id int PRIMARY KEY, egg int REFERENCES egg DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE egg ADD CONSTRAINT from_hen FOREIGN KEY (hen) REFERENCES hen DEFERRABLE;
BEGIN;
INSERT INTO hen VALUES (1, 1);
INSERT INTO egg VALUES (1, 1);
COMMIT;
BEGIN;
INSERT INTO hen VALUES (2, 2);
COMMIT;
BEGIN;
DELETE FROM egg;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
BEGIN;
SET CONSTRAINTS from_hen DEFERRED;
INSERT INTO egg VALUES (2, 2);
INSERT INTO hen VALUES (2, 2);
COMMIT;
SELECT * FROM hen JOIN egg ON hen.egg = egg.id ORDER BY hen.id;
-- Between sessions: who refers to a row keeps it.
-- session A
BEGIN;
INSERT INTO plain VALUES (9, 4);
-- session B
DELETE FROM parent WHERE id = 4;
-- session A
COMMIT;
-- session A
BEGIN;
DELETE FROM parent WHERE id = 60;
-- session B
INSERT INTO plain VALUES (10, 60);
-- session A
COMMIT;
-- Definitions, and what refers to them.
CREATE TABLE w (a int REFERENCES nothing);
CREATE TABLE w (a int REFERENCES parent (nothing));
CREATE TABLE w (a date REFERENCES parent);
CREATE TABLE w (a text REFERENCES plain (id));
CREATE TABLE w (a int, b int, FOREIGN KEY (a, b) REFERENCES parent);
DROP TABLE parent;
TRUNCATE parent;
ALTER TABLE parent DROP CONSTRAINT parent_pkey;
DROP TABLE parent CASCADE;
INSERT INTO plain VALUES (11, 12345);
