-- Shields, the certificates on them, and what was paid with them. Bytes are DER.

-- A shield that the counter has given to a customer. A shield has one holder at a time, and a customer has one shield. user_id is what
-- the certificates name: the card number that the counter has seen.
CREATE TABLE shield (
    id TEXT PRIMARY KEY,
    serial TEXT NOT NULL,
    customer TEXT NOT NULL REFERENCES customer (id),
    user_id TEXT NOT NULL REFERENCES account (number),
    state TEXT NOT NULL CHECK (state IN ('bound', 'delivered', 'lost', 'replaced')),
    bound_by TEXT NOT NULL REFERENCES teller (name),
    bound_at BIGINT NOT NULL,
    delivered_at BIGINT,
    ended_at BIGINT,
    CHECK (state <> 'delivered' OR delivered_at IS NOT NULL)
);
CREATE UNIQUE INDEX one_shield ON shield (customer) WHERE state IN ('bound', 'delivered');
CREATE UNIQUE INDEX one_holder ON shield (serial) WHERE state IN ('bound', 'delivered');

-- Reference and authorisation code, with which a customer fetches the certificates. mac is an HMAC of the code, whose key is not in the
-- database. tries are wrong ones; issued counts the certificates that were made for this code.
CREATE TABLE authorisation (
    reference TEXT PRIMARY KEY,
    shield TEXT NOT NULL REFERENCES shield (id),
    mac TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('live', 'spent', 'dead')),
    tries BIGINT NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 5),
    issued BIGINT NOT NULL DEFAULT 0 CHECK (issued BETWEEN 0 AND 40),
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    spent_at BIGINT
);
CREATE UNIQUE INDEX one_live_code ON authorisation (shield) WHERE state = 'live';

-- Each certificate, from the moment it was signed. It is on its way until delivered_at or revoked_at says what became of it.
CREATE TABLE certificate (
    serial TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('payment', 'authentication')),
    shield TEXT NOT NULL REFERENCES shield (id),
    reference TEXT NOT NULL REFERENCES authorisation (reference),
    subject TEXT NOT NULL,
    holder TEXT NOT NULL,
    user_id TEXT NOT NULL,
    key_digest TEXT NOT NULL,
    fingerprint TEXT NOT NULL UNIQUE,
    der BLOB NOT NULL,
    payments BIGINT NOT NULL DEFAULT 0,
    issued_at BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    delivered_at BIGINT,
    revoked_at BIGINT,
    reason TEXT,
    CHECK ((revoked_at IS NULL) = (reason IS NULL))
);
CREATE UNIQUE INDEX one_certificate_a_key ON certificate (key_digest) WHERE revoked_at IS NULL;
CREATE INDEX certificate_of_holder ON certificate (user_id);
CREATE INDEX certificate_of_shield ON certificate (shield);

-- One row: the number of the last CRL, and how many revocations there were. Whoever updates it makes the next CRL.
CREATE TABLE crl_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL,
    revocations BIGINT NOT NULL
);
INSERT INTO crl_head (id, number, revocations) VALUES (1, 0, 0);

CREATE TABLE crl (
    number BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('payment', 'authentication')),
    revocations BIGINT NOT NULL,
    this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL,
    der BLOB NOT NULL,
    PRIMARY KEY (number, kind)
);

-- The order that a shield is to sign, as it was made when the payer chose the shield. Nothing else is ever accepted for the challenge.
CREATE TABLE shield_challenge (
    challenge TEXT PRIMARY KEY REFERENCES challenge (id),
    der BLOB NOT NULL
);

-- Signed orders that were posted: one for each order key and one for each order, ever. The document is the evidence.
CREATE TABLE accepted (
    order_key TEXT PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE REFERENCES payment_order (id),
    certificate TEXT NOT NULL REFERENCES certificate (serial),
    document BLOB NOT NULL,
    at BIGINT NOT NULL
);

CREATE TRIGGER accepted_no_update BEFORE UPDATE ON accepted
BEGIN SELECT RAISE(ABORT, 'accepted is append-only'); END;
CREATE TRIGGER accepted_no_delete BEFORE DELETE ON accepted
BEGIN SELECT RAISE(ABORT, 'accepted is append-only'); END;
CREATE TRIGGER shield_challenge_no_update BEFORE UPDATE ON shield_challenge
BEGIN SELECT RAISE(ABORT, 'shield_challenge is append-only'); END;
CREATE TRIGGER certificate_no_delete BEFORE DELETE ON certificate
BEGIN SELECT RAISE(ABORT, 'a certificate that was issued stays in the books'); END;
