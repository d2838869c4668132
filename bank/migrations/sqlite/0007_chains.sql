-- The audit has several chains, so that one row does not make all payments wait for each other. What was written before is chain 0.
DROP TRIGGER audit_no_update;
DROP TRIGGER audit_no_delete;
DROP INDEX audit_of_subject;
ALTER TABLE audit RENAME TO audit_former;
CREATE TABLE audit (
    chain BIGINT NOT NULL CHECK (chain BETWEEN 0 AND 15),
    seq BIGINT NOT NULL CHECK (seq > 0),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (chain, seq)
);
INSERT INTO audit (chain, seq, at, actor, action, subject, detail, previous, hash)
    SELECT 0, seq, at, actor, action, subject, detail, previous, hash FROM audit_former;
DROP TABLE audit_former;
CREATE INDEX audit_of_subject ON audit (subject);
CREATE INDEX audit_by_time ON audit (at);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;

-- One row for each chain: whoever updates it holds that chain until the end of the transaction. The hash before a chain's first row is
-- the chain's name, so that no row can be moved from one chain to another.
ALTER TABLE audit_head RENAME TO audit_former_head;
CREATE TABLE audit_head (
    chain BIGINT PRIMARY KEY CHECK (chain BETWEEN 0 AND 15),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (chain, seq, hash) SELECT 0, seq, hash FROM audit_former_head;
INSERT INTO audit_head (chain, seq, hash)
    WITH RECURSIVE other (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM other WHERE n < 15)
    SELECT n, 0, 'chain ' || n FROM other;
DROP TABLE audit_former_head;

-- The heads of all chains at one moment, with a MAC whose key is not in the database: the chains cannot be rewritten as a whole. The
-- numbers have no gap. The bank seals chain 0 anew as soon as it serves.
DROP TABLE audit_seal;
CREATE TABLE audit_seal (
    number BIGINT PRIMARY KEY CHECK (number > 0),
    at BIGINT NOT NULL,
    heads TEXT NOT NULL,
    mac TEXT NOT NULL
);
CREATE TRIGGER audit_seal_no_update BEFORE UPDATE ON audit_seal
BEGIN SELECT RAISE(ABORT, 'audit_seal is append-only'); END;
CREATE TRIGGER audit_seal_no_delete BEFORE DELETE ON audit_seal
BEGIN SELECT RAISE(ABORT, 'audit_seal is append-only'); END;
