-- Keys of which a shield has said that it made them, before anybody asks for their certificates: EST carries a request and nothing else. The
-- bank has checked the statement up to the shield's factory. A row tells what was and stays true.
CREATE TABLE attested (
    key_digest TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('payment', 'authentication')),
    shield TEXT NOT NULL REFERENCES shield (id),
    at BIGINT NOT NULL,
    PRIMARY KEY (key_digest, shield)
);

CREATE TRIGGER attested_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON attested
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
