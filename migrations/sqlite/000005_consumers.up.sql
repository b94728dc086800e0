-- How far those who read the change feed have read it. A reader is an account, the name that it gives itself
-- ('' for none), and the namespace that it reads ('*' for all).

CREATE TABLE sync_consumers (
    account   text NOT NULL,
    consumer  text NOT NULL,
    namespace text NOT NULL,
    seq       integer NOT NULL,
    mark      text NOT NULL,
    first_at  integer NOT NULL,
    seen_at   integer NOT NULL,
    PRIMARY KEY (account, consumer, namespace)
) WITHOUT ROWID;
CREATE INDEX sync_consumers_seen ON sync_consumers (seen_at);
