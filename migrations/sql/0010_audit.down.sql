DROP TABLE audit_anchors, audit_exports, audit_chains, audit_logs;
DROP FUNCTION audit_month(date), audit_refuse();
-- Roles belong to all databases of a server: it stays while another has grants for it.
DO $$
BEGIN
    DROP ROLE booking_audit;
EXCEPTION WHEN dependent_objects_still_exist OR undefined_object OR insufficient_privilege THEN
    NULL;
END $$;
