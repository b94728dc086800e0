-- How far those who read the change feed have read it. A reader is an account, the name that it gives itself
-- ('' for none), and the namespace that it reads ('*' for all).

CREATE TABLE sync_consumers (
    account   text COLLATE "C" NOT NULL,
    consumer  text COLLATE "C" NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    seq       bigint NOT NULL,
    mark      text COLLATE "C" NOT NULL,
    first_at  bigint NOT NULL,
    seen_at   bigint NOT NULL,
    PRIMARY KEY (account, consumer, namespace)
);
CREATE INDEX sync_consumers_seen ON sync_consumers (seen_at);
