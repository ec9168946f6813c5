DROP TABLE vouchers, event_cancellations, refunds, saga_instances, payments;
ALTER TABLE events DROP COLUMN allows_bank_transfer;
ALTER TABLE tenants DROP COLUMN compensation_percent;
DROP INDEX bookings_of_event;
ALTER TABLE bookings DROP COLUMN payment_id, DROP COLUMN payment_state, DROP COLUMN declines, DROP COLUMN reason;
