-- MERGE: for each row of a source, at most one action.
CREATE TABLE stock (id int PRIMARY KEY, n int, CHECK (n >= 0));
CREATE TABLE delta (id int, n int);
INSERT INTO stock VALUES (1, 10), (2, 5), (3, 7);
INSERT INTO delta VALUES (1, 5), (2, -5), (4, 9), (5, -1);
MERGE INTO stock s USING delta d ON s.id = d.id WHEN MATCHED AND s.n + d.n = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = s.n + d.n WHEN NOT MATCHED AND d.n > 0 THEN INSERT VALUES (d.id, d.n) WHEN NOT MATCHED THEN DO NOTHING;
SELECT * FROM stock ORDER BY id;
MERGE INTO stock USING (SELECT 3 AS id) d ON stock.id = d.id WHEN MATCHED THEN DO NOTHING;
MERGE INTO stock s USING (VALUES (9), (3)) v (id) ON s.id = v.id WHEN NOT MATCHED THEN INSERT (id) VALUES (v.id) WHEN MATCHED THEN UPDATE SET n = DEFAULT;
WITH w AS (SELECT 1 AS id) MERGE INTO stock s USING w ON s.id = w.id WHEN MATCHED THEN UPDATE SET (n) = ROW (s.n * 2);
MERGE INTO stock s USING delta d ON false WHEN NOT MATCHED AND d.id = 5 THEN INSERT DEFAULT VALUES;
SELECT * FROM stock ORDER BY id;
-- What is wrong.
MERGE INTO stock s USING (VALUES (1), (1)) v (id) ON s.id = v.id WHEN MATCHED THEN UPDATE SET n = 0;
MERGE INTO stock s USING delta d ON s.id = d.id WHEN MATCHED THEN UPDATE SET n = -1;
MERGE INTO stock s USING delta d ON s.id = d.id WHEN MATCHED THEN UPDATE SET n = nothing;
MERGE INTO stock s USING delta d ON s.id = d.id WHEN NOT MATCHED THEN INSERT VALUES (s.id);
MERGE INTO stock s USING delta d ON s.id = d.id WHEN MATCHED THEN DELETE WHEN MATCHED THEN DO NOTHING;
SELECT * FROM stock ORDER BY id;
