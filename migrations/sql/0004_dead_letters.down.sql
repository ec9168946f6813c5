DROP TABLE dead_letter_positions, dead_letters;
