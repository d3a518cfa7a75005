"""The dashboard: one page per service, live, written on our framework and served by our server.

The way of what a page shows, through these files, in the order in which one would read them:

1.  `panel`         a folder is a panel: its page, its routes, its modules, found at the start
2.  `shell`         the application around all panels: pages, `/api/stream`, errors
3.  `guard`         Host, Origin and CSRF token of each request; the policy of each response
4.  `login`         one password for all of it, where one is set
5.  `audit_log`     who changed what, and how that ended
6.  `live`          topics, polled or pushed, and the one stream of each page
7.  `vital_signs`   what is known of one process, whoever told it
8.  `questions`     asking several at once, when any of them may hang
9.  `collector`     asks every process how it is, each round, and computes rates
10. `history`       how a figure has moved in the last minutes
11. `metrics`       the same for a Prometheus
12. `upstream`      the HTTP services behind: short timeouts, problems passed on
13. `fields`        reading the fields of a JSON body

and the panels, each a folder of the same form:

    overview/   every process, its state and figures, the map      GET /api/services
    kvdb/       browse and edit keys, console, slow log, clients   …    /api/kvdb/…
    docdb/      collections, documents, queries and their plans    …    /api/docdb/…
    sqldb/      schema, SQL, plans, sessions, locks, the log       …    /api/sqldb/…
    pubsub/     listen to channels and patterns, publish           …    /api/pubsub/…
    tasks/      tasks, queues, workers, schedules, workflows       …    /api/tasks…
    ledger/     agreement of the nodes, balances, transfers        …    /api/ledger…
    audit/      what was changed, by whom, with which outcome      …    /api/audit

In the browser, `static/` holds what all pages share (`live.js` is the other end of `live`), and a
panel's `static/page.js` what it does with it. There is no build step and no other host.

Hooks for browser tests: `data-testid` attributes, and `data-state` beside them where something has
a state. They are a contract; a test finds nothing by its text or its class.

every page
    nav-PANEL, theme-toggle, help-open, notice, notice-error
    connection              data-state: connecting, live, lost
    outage                  visible while the service of the page does not answer
    log-out                 where a password is set; login-name, login-password, login-submit and
                            login-problem are on the page that asks for it
overview
    service-NAME            service-kvdb, service-worker-1, …
                            data-state: ok, degraded, down, unknown
    summary                 one sentence about all of them
kvdb
    kv-db, kv-chart-NAME    the database; charts: commands, hits, memory, gone
    kv-tab-NAME             keys, console, slowlog, clients; aria-selected
    kv-key, kv-type, kv-value, kv-ttl, kv-set           the form that makes a key
    kv-pattern, kv-shown, kv-refresh, kv-new, kv-more   the list
    kv-row-KEY, kv-delete-KEY
    kv-inspector, kv-inspected, kv-inspected-value      one key; kv-delete asks before it does
    kv-reread, kv-delete, kv-key-changes, kv-rename, kv-rename-set, kv-expire, kv-expire-set
    kv-string, kv-string-save, kv-string-format         a string
    kv-element-NAME, kv-change-NAME, kv-remove-NAME     an element, by its field, member or index
    kv-change, kv-change-save, kv-field-ttl-NAME, kv-field-ttl, kv-field-ttl-save
    kv-add-name, kv-add-value, kv-add-score, kv-add-fields, kv-add, kv-more-elements
    kv-entry-ID, kv-group-NAME, kv-group-name, kv-group-create      a stream
    kv-console, kv-console-input, kv-console-run, kv-console-clear
    kv-reply                data-state: the type of the reply
    kv-remark, kv-question, kv-question-yes, kv-question-no
    kv-slow-ID, kv-slowlog-reset, kv-client-ID, kv-kill-ID
docdb
    doc-chart-NAME, doc-storage         charts: operations, data; storage by database
    doc-collections, doc-collection-DB.NAME, doc-place, doc-drop
    doc-new-collection, doc-collection-db, doc-collection-name, doc-collection-create
    doc-tab-NAME                        documents, query, indexes, slow; aria-selected
    doc-filter, doc-sort, doc-find, doc-filter-error, doc-shown, doc-previous, doc-next
    doc-document-ID, doc-edit-ID, doc-delete-ID         a document, by its _id
    doc-insert, doc-editor, doc-document, doc-save, doc-editor-cancel, doc-editor-error
    doc-kind-find, doc-kind-aggregate, doc-query-filter, doc-query-projection, doc-query-sort
    doc-query-limit, doc-query-pipeline, doc-run, doc-explain, doc-took, doc-result
    doc-question, doc-question-yes, doc-question-no, doc-query-error
    doc-plan, doc-verdict, doc-stage-NAME               the plan that is drawn
    doc-index-NAME, doc-index-drop-NAME, doc-index-key, doc-index-options, doc-index-create
    doc-slow, doc-slow-ms, doc-slow-set
sqldb
    sql-chart-NAME, sql-largest         charts: transactions, log; the largest tables
    sql-schema, sql-group-SCHEMA-KIND, sql-entry-SCHEMA.NAME    tables, views, sequences, types
    sql-tab-NAME                        console, structure, sessions, log; aria-selected
    sql-text, sql-run, sql-explain, sql-stop, sql-analyzed, sql-limit, sql-took, sql-problem
    sql-question, sql-question-yes, sql-question-no
    sql-results, sql-result-INDEX, sql-told-INDEX, sql-csv-INDEX, sql-json-INDEX, sql-more
    sql-error, sql-mark, sql-goto, sql-remark           a mistake, and its place in the text
    sql-past, sql-past-INDEX, sql-past-clear            what was run before
    sql-plan, sql-verdict, sql-node-NAME                the plan that is drawn
    sql-place, sql-browse, sql-structure, sql-column-NAME, sql-constraint-NAME, sql-index-NAME
    sql-sessions, sql-session-PID       data-state; sql-cancel-PID, sql-terminate-PID ask twice
    sql-waits, sql-wait-PID, sql-locks, sql-lock-PID-KIND
    sql-log, sql-wal, sql-checkpoints, sql-checkpoint, sql-transactions, sql-plan-cache
pubsub
    pub-subscribe-name, pub-subscribe-kind, pub-subscribe
    pub-subscription-SOURCE  pub-subscription-channel:news, pub-subscription-pattern:n*
                            data-state: connecting, live, lost; a message that is published
                            before `live` is not seen
    pub-messages, pub-message-row, pub-received, pub-pause, pub-clear
    pub-channel, pub-message, pub-send, pub-reached     the form that publishes
    pub-active-CHANNEL      who listens where
tasks
    task-name, task-args, task-submit                   the form; arguments are a JSON array
    task-args-error, task-sample-NAME
    task-retries, task-countdown, task-timeout, task-expires, task-queue, task-priority
    task-row-ID             data-state: that of the task
    task-count-STATE, task-queue-NAME
    task-filter-all, task-filter-open, task-filter-succeeded, task-filter-unlucky
    task-filter-task, task-filter-queue, task-first-page, task-next-page
    task-detail, task-detail-state, task-result, task-error, task-output, task-history
    task-progress, task-timeline, task-traceback, task-cancel, task-retry
    task-tab-NAME           tasks, queues, workers, schedules, workflows, dead; aria-selected
    task-pause-QUEUE, task-weight-QUEUE     on the card task-queue-QUEUE, data-state: open, paused
    task-worker-NAME, task-seat-ID          a worker, and what it runs
    schedule-row-NAME, schedule-run-NAME, schedule-pause-NAME, schedule-delete-NAME
    schedule-name, schedule-task, schedule-args, schedule-kind, schedule-every, schedule-cron
    schedule-timezone, schedule-catch-up, schedule-save, schedule-error
    workflow-row-ID, workflow-detail, workflow-nodes, workflow-result, workflow-cancel
    dead-row-ID, dead-requeue-ID, dead-purge-ID, dead-requeue-all, dead-purge-all
ledger
    ledger-agree            data-state: agree, catching-up, partial, disagree, unknown
    ledger-round            the round, as digits alone
    ledger-node-NAME        data-state, data-round
    ledger-balance-ACCOUNT
    ledger-group-INDEX      data-state: accepted, rejected, pending
    ledger-sender, ledger-receiver, ledger-amount, ledger-first-valid
    ledger-add, ledger-node-choice, ledger-submit
    ledger-verdict          data-state: accepted, rejected, pending
audit
    audit-filter, audit-entries, audit-empty
    audit-entry-NUMBER      data-state: done, refused, failed
"""
