-- Domains: a type with conditions, which every way in goes past.
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN code AS varchar(3) NOT NULL DEFAULT 'abc' CONSTRAINT lower_case CHECK (VALUE = lower(VALUE));
SELECT 5::positive, '7'::positive + 1, pg_typeof(3::positive);
SELECT 0::positive;
SELECT NULL::positive, NULL::code;
SELECT 'abcdef'::code, 'AB'::code;

CREATE TABLE item (id positive PRIMARY KEY, name code);
INSERT INTO item VALUES (1, 'x'), (2, DEFAULT);
INSERT INTO item (id) VALUES (3) RETURNING *;
INSERT INTO item VALUES (-1, 'x');
INSERT INTO item VALUES (4, 'long one');
INSERT INTO item VALUES (4, NULL);
UPDATE item SET id = id - 2;
SELECT * FROM item WHERE id = 2;
SELECT sum(id), max(name) FROM item;
SELECT id FROM item UNION SELECT 9 ORDER BY 1;

-- Of arrays, and of other domains.
CREATE DOMAIN ascending AS int[] CHECK (VALUE[1] < VALUE[2]);
SELECT '{1,2}'::ascending, (ARRAY[3, 4]::ascending)[2];
SELECT ARRAY[2, 1]::ascending;
CREATE DOMAIN small AS positive CHECK (VALUE < 10);
SELECT 5::small, 50::positive;
SELECT 50::small;
SELECT -5::small, (-5)::small;

-- ALTER looks at the rows that are there.
ALTER DOMAIN positive ADD CONSTRAINT odd CHECK (VALUE % 2 = 1);
ALTER DOMAIN positive ADD CONSTRAINT odd CHECK (VALUE % 2 = 1) NOT VALID;
INSERT INTO item VALUES (10, 'x');
ALTER DOMAIN positive VALIDATE CONSTRAINT odd;
ALTER DOMAIN positive DROP CONSTRAINT odd;
ALTER DOMAIN positive DROP CONSTRAINT odd;
ALTER DOMAIN code SET DEFAULT 'zz';
INSERT INTO item (id) VALUES (10) RETURNING name;
ALTER DOMAIN code DROP NOT NULL;
INSERT INTO item VALUES (11, NULL);
ALTER DOMAIN code SET NOT NULL;

DROP DOMAIN small;
DROP TABLE item;
DROP DOMAIN positive, code, ascending;
CREATE DOMAIN bad AS int REFERENCES item;
CREATE DOMAIN bad AS nothing;
