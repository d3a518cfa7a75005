-- LISTEN and NOTIFY: told at commit, in the order of the commits, each once in a transaction.
-- session A
LISTEN news;
LISTEN "Other";
SELECT pg_listening_channels() ORDER BY 1;
NOTIFY news;
NOTIFY news, 'to myself';
-- session B
BEGIN;
NOTIFY news, 'first';
NOTIFY news, 'first';
SELECT pg_notify('Other', 'second');
NOTIFY nobody, 'hears';
-- session A
SELECT 'nothing yet';
-- session B
COMMIT;
-- session A
SELECT 'now';
-- session B
BEGIN;
NOTIFY news, 'taken back';
SAVEPOINT s;
ROLLBACK;
BEGIN;
NOTIFY news, 'kept';
SAVEPOINT s;
NOTIFY news, 'gone';
ROLLBACK TO s;
COMMIT;
-- session A
SELECT 'again';
BEGIN;
-- session B
NOTIFY news, 'while A is in a transaction';
-- session A
SELECT 'not here';
COMMIT;
UNLISTEN news;
-- session B
NOTIFY news, 'nobody';
NOTIFY "Other", 'still';
-- session A
SELECT 1;
BEGIN;
UNLISTEN *;
ROLLBACK;
-- session B
NOTIFY "Other", 'still there';
-- session A
SELECT 1;
UNLISTEN *;
SELECT count(*) FROM pg_listening_channels();
SELECT pg_notify('', 'x');
SELECT pg_notify(repeat('x', 70), 'x');
SELECT pg_notify('x', repeat('x', 8000));
