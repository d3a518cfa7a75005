-- JSON objects as rows, of a type or as the statement defines them.
SELECT * FROM json_to_record('{"a": 1, "b": [1, 2], "c": {"x": "y"}, "d": null}') AS r (a int, b int[], c json, d text);
SELECT * FROM jsonb_to_recordset('[{"a": 1}, {"a": "2", "b": true}]') AS r (a int, b boolean);
SELECT * FROM json_to_record('{"a": 5}') AS r (a int);
CREATE TYPE part AS (name varchar(4), size int);
CREATE TYPE whole AS (id int, parts part[], grid int[][], raw json);
SELECT * FROM json_populate_record(NULL::whole, '{"id": "7", "parts": [{"name": "a"}, {"size": 2}], "grid": [[1, 2], [3, 4]], "raw": {"b":  1}}');
SELECT * FROM jsonb_populate_recordset(ROW(1, NULL, NULL, NULL)::whole, '[{"grid": "{1,2}"}, {"id": null}]');
SELECT * FROM json_populate_record(NULL::part, '{"name": "too long"}');
SELECT * FROM json_populate_record(NULL::whole, '{"grid": [[1], [2, 3]]}');
SELECT * FROM json_populate_record(NULL::whole, '{"parts": 3}');
SELECT * FROM json_populate_record(NULL::whole, '[1]');
SELECT * FROM json_to_record('{}');
SELECT * FROM json_each('{}') AS r (a int);
SELECT jsonb_path_query('{"a": [1, {"b": 2}]}', '$.a[*] ? (@.b > $min).b', '{"min": 1}');
SELECT j FROM (VALUES ('{"a": 1}'::jsonb), ('{"a": 5}')) AS v (j) WHERE j @? '$.a ? (@ > 3)';
SELECT j FROM (VALUES ('{"a": 1}'::jsonb), ('{"a": 5}')) AS v (j) WHERE j @@ '$.a == 1';
DROP TYPE whole, part;
