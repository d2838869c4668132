-- The books. Money is integer fen. Moments are milliseconds since 1970, days are YYYY-MM-DD of the fixed zone +08:00,
-- and a yes or no is 1 or 0: these are the types that both databases give back alike.

CREATE TABLE customer (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    document TEXT NOT NULL UNIQUE,
    phone TEXT NOT NULL,
    opened_at BIGINT NOT NULL
);

-- customer is NULL for the bank's own accounts, and for payees whose contract comes later.
CREATE TABLE account (
    number TEXT PRIMARY KEY,
    customer TEXT REFERENCES customer (id),
    title TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('customer', 'payee', 'own')),
    balance BIGINT NOT NULL DEFAULT 0,
    opened_at BIGINT NOT NULL,
    CHECK (kind = 'own' OR balance >= 0)
);
CREATE INDEX account_of_customer ON account (customer);

-- Online banking. enabled_on is NULL until the counter has enabled a way to pay.
CREATE TABLE contract (
    customer TEXT PRIMARY KEY REFERENCES customer (id),
    made_by TEXT NOT NULL CHECK (made_by IN ('counter', 'web')),
    made_on TEXT NOT NULL,
    enabled_on TEXT,
    ecommerce BIGINT NOT NULL DEFAULT 0 CHECK (ecommerce IN (0, 1)),
    agreement TEXT NOT NULL,
    agreed_at BIGINT NOT NULL
);

-- one_time is 1 while the password is one that the bank made: it expires, and the customer must choose another.
CREATE TABLE login_password (
    customer TEXT PRIMARY KEY REFERENCES customer (id),
    hash TEXT NOT NULL,
    one_time BIGINT NOT NULL CHECK (one_time IN (0, 1)),
    expires_at BIGINT,
    chosen_at BIGINT
);

CREATE TABLE payment_password (
    customer TEXT PRIMARY KEY REFERENCES customer (id),
    hash TEXT NOT NULL,
    chosen_at BIGINT NOT NULL
);

-- Wrong answers in a row. blocked_until is 0 while nothing is blocked; closed means that only the counter can help.
CREATE TABLE gate (
    subject TEXT PRIMARY KEY,
    failures BIGINT NOT NULL DEFAULT 0 CHECK (failures BETWEEN 0 AND 5),
    blocks BIGINT NOT NULL DEFAULT 0,
    blocked_until BIGINT NOT NULL DEFAULT 0,
    closed BIGINT NOT NULL DEFAULT 0 CHECK (closed IN (0, 1))
);

-- Each try, written before anything is compared.
CREATE TABLE attempt (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    order_id TEXT NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE card (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL REFERENCES customer (id),
    key_version BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('issued', 'active', 'blocked', 'replaced')),
    uses BIGINT NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND 1000),
    pair TEXT,
    issued_at BIGINT NOT NULL,
    activated_at BIGINT
);
CREATE UNIQUE INDEX one_card ON card (customer) WHERE state IN ('issued', 'active');

-- A pair that was used, or that was asked when the card was blocked, is never asked again.
CREATE TABLE card_pair (
    card TEXT NOT NULL REFERENCES card (id),
    pair TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (card, pair)
);

-- What was spent by a method in a period: a day, or 'ever'.
CREATE TABLE allowance (
    customer TEXT NOT NULL REFERENCES customer (id),
    method TEXT NOT NULL,
    period TEXT NOT NULL,
    spent BIGINT NOT NULL DEFAULT 0,
    ceiling BIGINT NOT NULL,
    PRIMARY KEY (customer, method, period),
    CHECK (spent >= 0 AND spent <= ceiling)
);

-- Limits of one customer, where the counter agreed others than the configuration's.
CREATE TABLE agreed_limit (
    customer TEXT NOT NULL REFERENCES customer (id),
    method TEXT NOT NULL,
    per_payment BIGINT NOT NULL CHECK (per_payment >= 0),
    per_day BIGINT NOT NULL CHECK (per_day >= 0),
    PRIMARY KEY (customer, method)
);

CREATE TABLE payment_order (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL REFERENCES customer (id),
    kind TEXT NOT NULL CHECK (kind IN ('payment', 'transfer', 'remittance')),
    payer TEXT NOT NULL REFERENCES account (number),
    payee TEXT NOT NULL,
    payee_name TEXT NOT NULL,
    payee_bank TEXT NOT NULL DEFAULT '',
    amount BIGINT NOT NULL CHECK (amount > 0),
    memo TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('created', 'challenged', 'authorised', 'posted', 'refused', 'expired', 'cancelled')),
    method TEXT,
    refusal TEXT,
    form_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    UNIQUE (customer, form_key)
);
CREATE INDEX order_of_customer ON payment_order (customer, created_at);

CREATE TABLE challenge (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES payment_order (id),
    session TEXT NOT NULL,
    method TEXT NOT NULL,
    pair TEXT,
    state TEXT NOT NULL CHECK (state IN ('live', 'used', 'dead')),
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX one_live_challenge ON challenge (order_id) WHERE state = 'live';

-- Double entry: each row takes from one account and gives to another, once for each order.
CREATE TABLE posting (
    id TEXT PRIMARY KEY,
    order_id TEXT UNIQUE REFERENCES payment_order (id),
    reverses TEXT UNIQUE REFERENCES posting (id),
    debit TEXT NOT NULL REFERENCES account (number),
    credit TEXT NOT NULL REFERENCES account (number),
    amount BIGINT NOT NULL CHECK (amount > 0),
    memo TEXT NOT NULL,
    posted_at BIGINT NOT NULL,
    CHECK (debit <> credit)
);
CREATE INDEX posting_by_debit ON posting (debit, posted_at);
CREATE INDEX posting_by_credit ON posting (credit, posted_at);

-- The outgoing queue: what another bank is to be told, and what it answered.
CREATE TABLE remittance (
    order_id TEXT PRIMARY KEY REFERENCES payment_order (id),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'accepted', 'returned')),
    answer TEXT NOT NULL DEFAULT '',
    queued_at BIGINT NOT NULL,
    answered_at BIGINT
);

-- token is the SHA-256 of what the cookie says: who reads this table can use no session.
CREATE TABLE session (
    token TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('customer', 'teller')),
    subject TEXT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX session_of_subject ON session (kind, subject);

CREATE TABLE throttle (
    subject TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    open_at BIGINT NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE teller (
    name TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    active BIGINT NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    made_at BIGINT NOT NULL
);

-- What wants a second teller.
CREATE TABLE approval (
    id TEXT PRIMARY KEY,
    action TEXT NOT NULL,
    customer TEXT NOT NULL REFERENCES customer (id),
    detail TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'refused')),
    asked_by TEXT NOT NULL REFERENCES teller (name),
    asked_at BIGINT NOT NULL,
    answered_by TEXT REFERENCES teller (name),
    answered_at BIGINT,
    CHECK (state <> 'approved' OR (answered_by IS NOT NULL AND answered_by <> asked_by))
);

CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);

-- One row: whoever updates it holds the chain until the end of the transaction.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');

-- The head, signed with a key that is not in the database: the chain cannot be rewritten as a whole.
CREATE TABLE audit_seal (
    seq BIGINT PRIMARY KEY,
    hash TEXT NOT NULL,
    at BIGINT NOT NULL,
    mac TEXT NOT NULL
);

-- Append-only: history is corrected by another row.
CREATE TRIGGER posting_no_update BEFORE UPDATE ON posting
BEGIN SELECT RAISE(ABORT, 'posting is append-only'); END;
CREATE TRIGGER posting_no_delete BEFORE DELETE ON posting
BEGIN SELECT RAISE(ABORT, 'posting is append-only'); END;
CREATE TRIGGER attempt_no_update BEFORE UPDATE ON attempt
BEGIN SELECT RAISE(ABORT, 'attempt is append-only'); END;
CREATE TRIGGER attempt_no_delete BEFORE DELETE ON attempt
BEGIN SELECT RAISE(ABORT, 'attempt is append-only'); END;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_seal_no_update BEFORE UPDATE ON audit_seal
BEGIN SELECT RAISE(ABORT, 'audit_seal is append-only'); END;
CREATE TRIGGER audit_seal_no_delete BEFORE DELETE ON audit_seal
BEGIN SELECT RAISE(ABORT, 'audit_seal is append-only'); END;
CREATE TRIGGER card_pair_no_update BEFORE UPDATE ON card_pair
BEGIN SELECT RAISE(ABORT, 'card_pair is append-only'); END;
CREATE TRIGGER card_pair_no_delete BEFORE DELETE ON card_pair
BEGIN SELECT RAISE(ABORT, 'card_pair is append-only'); END;
