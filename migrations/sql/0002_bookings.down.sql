DROP TABLE projection_offsets, inbox, operations, bookings;
