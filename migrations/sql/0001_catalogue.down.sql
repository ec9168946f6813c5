DROP TABLE seats, seat_zones, shows, events, venues, categories, tenants;
