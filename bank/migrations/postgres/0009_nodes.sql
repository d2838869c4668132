-- The nodes that serve, so that no migration takes away what one of them still uses. knows is the newest migration of the node's program.
CREATE TABLE node (
    id TEXT PRIMARY KEY,
    knows TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- The migration that a program must know to serve this database; empty where every program may.
ALTER TABLE migration ADD COLUMN needs TEXT NOT NULL DEFAULT '';

-- After a merchant has another secret, webhooks are signed with both until this moment.
ALTER TABLE merchant ADD COLUMN former_secret_until BIGINT NOT NULL DEFAULT 0;

-- Which version of a key in the file of secrets has made what stands here.
ALTER TABLE merchant ADD COLUMN webhook_key BIGINT NOT NULL DEFAULT 1;
ALTER TABLE merchant ADD COLUMN former_webhook_key BIGINT NOT NULL DEFAULT 1;
ALTER TABLE authorisation ADD COLUMN key_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE audit_seal ADD COLUMN key_version BIGINT NOT NULL DEFAULT 1;
