-- What the role that serves may do: what the program's statements need, and nothing else (bank/src/tests/role.rs holds the two against
-- each other). `bank grant ROLE` runs it as the owner of the tables. The owner's role is for `bank migrate` alone.

-- Written once, and never changed or removed.
GRANT SELECT, INSERT ON accepted TO :role;
GRANT SELECT, INSERT ON attempt TO :role;
GRANT SELECT, INSERT ON attested TO :role;
GRANT SELECT, INSERT ON audit TO :role;
GRANT SELECT, INSERT ON audit_seal TO :role;
GRANT SELECT, INSERT ON card_pair TO :role;
GRANT SELECT, INSERT ON customer TO :role;
GRANT SELECT, INSERT ON posting TO :role;
GRANT SELECT, INSERT ON shield_challenge TO :role;

-- Rows stay; these columns change.
GRANT SELECT, INSERT, UPDATE (balance) ON account TO :role;
GRANT SELECT, INSERT, UPDATE (per_day, per_payment) ON agreed_limit TO :role;
GRANT SELECT, INSERT, UPDATE (ceiling, spent) ON allowance TO :role;
GRANT SELECT, INSERT, UPDATE (answered_at, answered_by, state) ON approval TO :role;
GRANT SELECT, UPDATE (hash, seq) ON audit_head TO :role;
GRANT SELECT, INSERT, UPDATE (issued, spent_at, state, tries) ON authorisation TO :role;
GRANT SELECT, INSERT, UPDATE (authentication, distrusted_at, forgotten_at, issued, payment) ON ca_generation TO :role;
GRANT SELECT, INSERT, UPDATE (activated_at, pair, state, uses) ON card TO :role;
GRANT SELECT, INSERT, UPDATE (delivered_at, payments, reason, revoked_at) ON certificate TO :role;
GRANT SELECT, INSERT, UPDATE (state) ON challenge TO :role;
GRANT SELECT, INSERT, UPDATE (ecommerce, enabled_on) ON contract TO :role;
GRANT SELECT, UPDATE (number, revocations) ON crl_head TO :role;
GRANT SELECT, INSERT, UPDATE (blocked_until, blocks, closed, failures) ON gate TO :role;
GRANT SELECT, INSERT, UPDATE (chosen_at, expires_at, hash, one_time) ON login_password TO :role;
GRANT SELECT, INSERT, UPDATE (active, former_secret_until, former_webhook_key, webhook, webhook_key, webhook_version) ON merchant TO :role;
GRANT SELECT, INSERT, UPDATE (ends_at) ON merchant_key TO :role;
GRANT SELECT, INSERT, UPDATE (ended_at, method, refusal, state) ON payment_order TO :role;
GRANT SELECT, INSERT, UPDATE (chosen_at, hash) ON payment_password TO :role;
GRANT SELECT, INSERT, UPDATE (approval, set_at, state) ON puk TO :role;
GRANT SELECT, INSERT, UPDATE (ended_at, payment, state) ON purchase TO :role;
GRANT SELECT, INSERT, UPDATE (answer, answered_at, state) ON remittance TO :role;
GRANT SELECT, INSERT, UPDATE (delivered_at, ended_at, state, suspended_at) ON shield TO :role;
GRANT SELECT, INSERT, UPDATE (active, hash) ON teller TO :role;
GRANT SELECT, INSERT, UPDATE (answer, due_at, ended_at, leased_until, state, tries) ON webhook TO :role;

-- What ends is removed.
GRANT SELECT, INSERT, DELETE ON crl TO :role;
GRANT SELECT, INSERT, UPDATE (body, made_at, request, state, status, until), DELETE ON idempotency TO :role;
GRANT SELECT, INSERT, UPDATE (seen_at), DELETE ON node TO :role;
GRANT SELECT, INSERT, UPDATE (seen_at), DELETE ON session TO :role;
GRANT SELECT, INSERT, UPDATE (at, failures, open_at), DELETE ON throttle TO :role;

-- Which version the tables have.
GRANT SELECT ON migration TO :role;
