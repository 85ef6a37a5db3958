CREATE TABLE IF NOT EXISTS calls (
    call     bigint           NOT NULL,
    node     text             NOT NULL,
    icid     text             NOT NULL,
    caller   text             NOT NULL,
    callee   text             NOT NULL,
    started  timestamptz      NOT NULL,
    ringing  timestamptz,
    answered timestamptz,
    ended    timestamptz,
    duration double precision NOT NULL,
    status   integer          NOT NULL,
    ended_by text             NOT NULL,
    cause    text             NOT NULL,
    evidence text             NOT NULL,
    legs     jsonb            NOT NULL,
    PRIMARY KEY (call, started)
);
CREATE INDEX IF NOT EXISTS calls_open ON calls (node) WHERE ended IS NULL;
CREATE INDEX IF NOT EXISTS calls_started ON calls (started);
CREATE TABLE IF NOT EXISTS call_nodes (
    node text        PRIMARY KEY,
    seen timestamptz NOT NULL
);
