-- The audit has several chains, so that one row does not make all payments wait for each other. What was written before is chain 0.
ALTER TABLE audit ADD COLUMN chain BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit DROP CONSTRAINT audit_pkey;
ALTER TABLE audit ADD PRIMARY KEY (chain, seq), ADD CHECK (chain BETWEEN 0 AND 15), ADD CHECK (seq > 0);
CREATE INDEX audit_by_time ON audit (at);

-- One row for each chain: whoever updates it holds that chain until the end of the transaction. The hash before a chain's first row is
-- the chain's name, so that no row can be moved from one chain to another.
ALTER TABLE audit_head RENAME TO audit_former_head;
CREATE TABLE audit_head (
    chain BIGINT PRIMARY KEY CHECK (chain BETWEEN 0 AND 15),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (chain, seq, hash) SELECT 0, seq, hash FROM audit_former_head;
INSERT INTO audit_head (chain, seq, hash) SELECT n, 0, 'chain ' || n FROM generate_series(1, 15) AS n;
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
CREATE TRIGGER audit_seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
