-- What ANALYZE has found, and how much room values take.
-- session A
CREATE TABLE st (a int, b int, c text, d numeric);
SELECT count(*) FROM pg_stats WHERE tablename = 'st';
INSERT INTO st SELECT g, g % 3, CASE WHEN g % 4 = 0 THEN NULL ELSE 'x' || g % 2 END, g FROM generate_series(1, 100) g;
ANALYZE st;
SELECT attname, inherited, null_frac, n_distinct FROM pg_stats WHERE tablename = 'st' ORDER BY attname;
SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'st' AND attname = 'c';
SELECT pg_column_size(1), pg_column_size(1::bigint), pg_column_size('abc'::text), pg_column_size(NULL::int), pg_column_size(1.5), pg_column_size(true), pg_column_size(now()), pg_column_size(12345.678), pg_column_size(0.0);
SELECT name, default_version, installed_version FROM pg_available_extensions WHERE name = 'plpgsql';
SET seed = 0.5;
SET seed = 2;
CREATE ROLE plain_reader;
GRANT SELECT (a) ON st TO plain_reader;
SET ROLE plain_reader;
SELECT attname FROM pg_stats WHERE tablename = 'st';
RESET ROLE;
DROP OWNED BY plain_reader;
DROP ROLE plain_reader;
