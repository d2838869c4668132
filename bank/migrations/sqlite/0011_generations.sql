-- Generations of the CA's keys: which one issues, and from when on. The first one is there from the first day on, and its certificates are
-- written down when the second one is made. A generation is never removed: its certificates prove what was signed under it.
CREATE TABLE ca_generation (
    number BIGINT PRIMARY KEY,
    payment BLOB,
    authentication BLOB,
    from_at BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    issued BIGINT NOT NULL DEFAULT 0,
    distrusted_at BIGINT,
    forgotten_at BIGINT,
    CHECK (number = 1 OR (payment IS NOT NULL AND authentication IS NOT NULL))
);
INSERT INTO ca_generation (number, from_at, made_at) VALUES (1, 0, 0);

CREATE TRIGGER ca_generation_no_delete BEFORE DELETE ON ca_generation
BEGIN SELECT RAISE(ABORT, 'a generation of the CA stays in the books'); END;

-- What a program of a former version issues is of the first generation: there is a second one only when no such program serves.
ALTER TABLE certificate ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
ALTER TABLE crl ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
