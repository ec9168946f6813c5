DROP TABLE analytics_realtime;
DROP TABLE analytics_daily;
DROP TABLE events_raw;
DELETE FROM projection_offsets WHERE consumer_group = 'analytics';
