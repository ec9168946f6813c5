DROP TABLE replay_ranges, replays;
