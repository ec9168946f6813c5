UPDATE refunds SET cause = 'event_cancelled' WHERE cause = 'seats_taken';
ALTER TABLE refunds DROP CONSTRAINT refunds_cause_check;
ALTER TABLE refunds ADD CONSTRAINT refunds_cause_check CHECK (cause IN ('requested', 'event_cancelled'));
