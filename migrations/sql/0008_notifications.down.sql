DROP INDEX bookings_of_show;
DROP INDEX shows_to_come;
DROP TABLE notifications;
