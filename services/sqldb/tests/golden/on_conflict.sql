-- INSERT … ON CONFLICT: what to do with a row whose key is there already.
CREATE TABLE item (id int PRIMARY KEY, code text UNIQUE, n int NOT NULL DEFAULT 1, CHECK (n < 100));
CREATE UNIQUE INDEX item_lower ON item (lower(code)) WHERE n > 5;
INSERT INTO item VALUES (1, 'a'), (2, 'b');
INSERT INTO item VALUES (1, 'x') ON CONFLICT DO NOTHING;
INSERT INTO item VALUES (1, 'x'), (3, 'c') ON CONFLICT (id) DO NOTHING RETURNING *;
INSERT INTO item VALUES (1, 'z', 5) ON CONFLICT (id) DO UPDATE SET n = item.n + excluded.n RETURNING *;
INSERT INTO item AS i VALUES (2, 'z', 5) ON CONFLICT ON CONSTRAINT item_pkey DO UPDATE SET (code, n) = (excluded.code, i.n * 10) WHERE i.n < 5 RETURNING i.*;
INSERT INTO item AS i VALUES (2, 'y', 5) ON CONFLICT (id) DO UPDATE SET code = 'no' WHERE i.n < 5 RETURNING i.*;
INSERT INTO item VALUES (7, 'a') ON CONFLICT (code) DO UPDATE SET id = excluded.id RETURNING *;
INSERT INTO item VALUES (8, 'W', 50);
INSERT INTO item VALUES (9, 'w', 60) ON CONFLICT (lower(code)) WHERE n > 5 DO UPDATE SET n = 99 RETURNING *;
INSERT INTO item SELECT g, 'g' || g FROM generate_series(1, 9) g ON CONFLICT (id) DO UPDATE SET n = item.n + 1 RETURNING id, code, n;
INSERT INTO item VALUES (1, 'sub') ON CONFLICT (id) DO UPDATE SET n = (SELECT count(*) FROM item) RETURNING n;
INSERT INTO item (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = DEFAULT RETURNING *;
SELECT * FROM item ORDER BY id;
-- What is wrong.
INSERT INTO item VALUES (1, 'q'), (1, 'r') ON CONFLICT (id) DO UPDATE SET n = 3;
INSERT INTO item VALUES (21, 'q'), (21, 'r') ON CONFLICT (id) DO UPDATE SET n = 3;
INSERT INTO item VALUES (22, 'g4') ON CONFLICT (id) DO NOTHING;
INSERT INTO item VALUES (1, 'q') ON CONFLICT (n) DO NOTHING;
INSERT INTO item VALUES (1, 'q') ON CONFLICT DO UPDATE SET n = 1;
INSERT INTO item VALUES (1, 'q') ON CONFLICT ON CONSTRAINT nothing DO NOTHING;
INSERT INTO item VALUES (1, 'q') ON CONFLICT (id) DO UPDATE SET n = 100;
INSERT INTO item VALUES (1, 'q') ON CONFLICT (id) DO UPDATE SET n = n + 1;
INSERT INTO item VALUES (1, 'q', NULL) ON CONFLICT (id) DO NOTHING;
INSERT INTO item VALUES (1, 'q') ON CONFLICT (id) DO UPDATE SET nothing = 1;
SELECT * FROM item ORDER BY id;
