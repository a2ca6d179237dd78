-- What has happened stays: a terminal message never moves (F6 of the failure catalogue), and history is append-only.

CREATE TRIGGER msg_terminal_is_final BEFORE UPDATE OF state ON msg
WHEN NEW.state <> OLD.state AND (OLD.state = 'DELIVERED' OR OLD.state = 'REFUSED' OR OLD.state = 'SUPERSEDED')
BEGIN
  SELECT RAISE(ABORT, 'a terminal message cannot change its state');
END;

CREATE TRIGGER attempt_is_append_only BEFORE UPDATE ON attempt
BEGIN
  SELECT RAISE(ABORT, 'attempts are append-only');
END;

CREATE TRIGGER leaf_is_append_only BEFORE UPDATE ON leaf
BEGIN
  SELECT RAISE(ABORT, 'leaves are append-only');
END;

CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
