-- The PUKs of shields, sealed with a key that is not in the database. A PUK belongs to the shield of this serial number, whoever has it.
-- A PUK is pending before any shield is told of it, and current once the counter has said that the shield took it: in between the shield
-- has the one or the other. approval names the request of a second teller that lets a locked shield be unblocked, once.
CREATE TABLE puk (
    id TEXT PRIMARY KEY,
    serial TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'current', 'former')),
    key_version BIGINT NOT NULL,
    sealed BLOB NOT NULL,
    approval TEXT REFERENCES approval (id),
    made_by TEXT NOT NULL REFERENCES teller (name),
    made_at BIGINT NOT NULL,
    set_at BIGINT,
    CHECK ((state = 'pending') = (set_at IS NULL))
);
CREATE UNIQUE INDEX one_pending_puk ON puk (serial) WHERE state = 'pending';
CREATE UNIQUE INDEX one_current_puk ON puk (serial) WHERE state = 'current';
CREATE INDEX puk_of_approval ON puk (approval);

-- A restored bank does not know what became of its shields since the copy was made: they are suspended until the counter confirms them.
ALTER TABLE shield ADD COLUMN suspended_at BIGINT;

CREATE TRIGGER puk_no_delete BEFORE DELETE ON puk
BEGIN SELECT RAISE(ABORT, 'a PUK that a shield may have stays in the books'); END;
