-- Money also goes back when a sale was forgotten and its seats went to another.
ALTER TABLE refunds DROP CONSTRAINT refunds_cause_check;
ALTER TABLE refunds ADD CONSTRAINT refunds_cause_check CHECK (cause IN ('requested', 'event_cancelled', 'seats_taken'));
