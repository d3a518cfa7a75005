"""The dashboard: one page per service, live, written on our framework and served by our server.

The way of what a page shows, through these files, in the order in which one would read them:

1.  `panel`         a folder is a panel: its page, its routes, its modules, found at the start
2.  `shell`         the application around all panels: pages, `/api/stream`, errors
3.  `guard`         Host, Origin and CSRF token of each request; the policy of each response
4.  `live`          topics, polled or pushed, and the one stream of each page
5.  `vital_signs`   what is known of one process, whoever told it
6.  `questions`     asking several at once, when any of them may hang
7.  `collector`     asks every process how it is, each round, and computes rates
8.  `upstream`      the HTTP services behind: short timeouts, problems passed on
9.  `fields`        reading the fields of a JSON body

and the panels, each a folder of the same form:

    overview/   every process, its state and figures, the map      GET /api/services
    kvdb/       browse, set, delete, expire keys                   …    /api/kvdb/…
    pubsub/     listen to channels and patterns, publish           …    /api/pubsub/…
    tasks/      submit tasks, watch them, look into one            …    /api/tasks…
    ledger/     agreement of the nodes, balances, transfers        …    /api/ledger…

In the browser, `static/` holds what all pages share (`live.js` is the other end of `live`), and a
panel's `static/page.js` what it does with it. There is no build step and no other host.

Hooks for browser tests: `data-testid` attributes, and `data-state` beside them where something has
a state. They are a contract; a test finds nothing by its text or its class.

every page
    nav-PANEL, theme-toggle, help-open, notice, notice-error
    connection              data-state: connecting, live, lost
    outage                  visible while the service of the page does not answer
overview
    service-NAME            service-kvdb, service-worker-1, …
                            data-state: ok, degraded, down, unknown
    summary                 one sentence about all of them
kvdb
    kv-key, kv-value, kv-ttl, kv-set                    the form that sets
    kv-pattern, kv-shown, kv-refresh, kv-more           the list
    kv-row-KEY, kv-delete-KEY
    kv-inspector, kv-inspected, kv-inspected-value      one key
    kv-edit, kv-delete, kv-expire, kv-expire-set
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
    task-filter-open, task-filter-succeeded, task-filter-unlucky
    task-detail, task-detail-state, task-result, task-error, task-output, task-history
    task-cancel, task-retry
ledger
    ledger-agree            data-state: agree, catching-up, partial, disagree, unknown
    ledger-round            the round, as digits alone
    ledger-node-NAME        data-state, data-round
    ledger-balance-ACCOUNT
    ledger-group-INDEX      data-state: accepted, rejected, pending
    ledger-sender, ledger-receiver, ledger-amount, ledger-first-valid
    ledger-add, ledger-node-choice, ledger-submit
    ledger-verdict          data-state: accepted, rejected, pending
"""
