-- Merchants, what they want paid, and what they are told.

-- return_origins are the origins that a customer is led back to, with a blank between them. webhook is where outcomes are told; empty
-- means nowhere. The secret that signs is derived from the file of secrets, by the version.
CREATE TABLE merchant (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL UNIQUE REFERENCES account (number),
    return_origins TEXT NOT NULL,
    webhook TEXT NOT NULL,
    webhook_version BIGINT NOT NULL DEFAULT 1,
    active BIGINT NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    made_at BIGINT NOT NULL
);

-- hash is the SHA-256 of a key of 256 random bits: who reads this table can use no key.
CREATE TABLE merchant_key (
    hash TEXT PRIMARY KEY,
    merchant TEXT NOT NULL REFERENCES merchant (id),
    made_at BIGINT NOT NULL,
    ends_at BIGINT
);
CREATE INDEX key_of_merchant ON merchant_key (merchant);

-- A merchant's order. payment is the customer's order that has paid it: one, ever.
CREATE TABLE purchase (
    id TEXT PRIMARY KEY,
    merchant TEXT NOT NULL REFERENCES merchant (id),
    reference TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    memo TEXT NOT NULL,
    return_url TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'paid', 'cancelled', 'expired')),
    payment TEXT UNIQUE REFERENCES payment_order (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    CHECK ((state = 'paid') = (payment IS NOT NULL))
);
CREATE INDEX purchase_of_merchant ON purchase (merchant, created_at, id);
CREATE INDEX purchase_open ON purchase (expires_at) WHERE state = 'open';

-- The merchant's order that a customer's order pays.
ALTER TABLE payment_order ADD COLUMN purchase TEXT REFERENCES purchase (id);

-- Requests with an Idempotency-Key. While one runs, until is the moment from which another may take it over.
CREATE TABLE idempotency (
    merchant TEXT NOT NULL REFERENCES merchant (id),
    name TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done')),
    until BIGINT NOT NULL,
    status BIGINT NOT NULL DEFAULT 0,
    body TEXT NOT NULL DEFAULT '',
    made_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, name)
);
CREATE INDEX idempotency_by_age ON idempotency (made_at);

-- What merchants are to be told. A row is written in the transaction of what it tells. While a node sends it, leased_until keeps others
-- away; due_at is the moment of the next try.
CREATE TABLE webhook (
    id TEXT PRIMARY KEY,
    merchant TEXT NOT NULL REFERENCES merchant (id),
    purchase TEXT NOT NULL REFERENCES purchase (id),
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
    tries BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT NOT NULL,
    leased_until BIGINT NOT NULL DEFAULT 0,
    answer TEXT NOT NULL DEFAULT '',
    made_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX webhook_waiting ON webhook (due_at) WHERE state = 'waiting';
CREATE INDEX webhook_of_merchant ON webhook (merchant, made_at);
