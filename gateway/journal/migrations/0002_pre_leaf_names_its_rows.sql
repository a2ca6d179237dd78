-- A leaf says what it is about: the operation, its time, its dossier, and the rows whose digests it covers, in order.
-- Its digest is the last that the leaf covers. Empty in leaves of before; the next start binds every row that stands.

ALTER TABLE leaf ADD COLUMN about BLOB NOT NULL DEFAULT x'';
