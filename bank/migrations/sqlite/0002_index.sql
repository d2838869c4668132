-- The proof of the books finds the row of the audit that repeats a posting, and the gate its last attempt.
CREATE INDEX audit_of_subject ON audit (subject);
CREATE INDEX attempt_of_subject ON attempt (subject, at);
