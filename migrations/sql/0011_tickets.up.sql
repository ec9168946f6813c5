-- The tickets of a booking on which somebody went in, `[{"place":0,"at_ms":…,"mark":"…"}]`; NULL before the first.
ALTER TABLE bookings ADD COLUMN used jsonb;
